import { randomBytes } from "node:crypto";
import { signJwt } from "./jwt.ts";
import type { Head } from "./wire/head.ts";
import type { Answer } from "./wire/proxy.ts";

/** So long is a legacy key valid: Supabase signs them for ten years. */
const LEGACY_KEY_SECONDS = 315_360_000;

/** The keys of one project. */
export interface ApiKeys {
  /** `sb_secret_…`: the gateway makes a token of role service_role of it. */
  secretKey: string;
  /** `sb_publishable_…`: becomes a token of role anon. */
  publishableKey: string;
  /** The legacy key, itself a token of role service_role. */
  serviceRoleKey: string;
  /** The legacy key, itself a token of role anon. */
  anonKey: string;
  /** Signs the project's tokens (HS256). */
  jwtSecret: string;
}

/** Makes the keys of a new project. */
export function createApiKeys(projectName: string): ApiKeys {
  const jwtSecret = randomBytes(30).toString("base64url");
  const issuedAt = Math.floor(Date.now() / 1000);
  const legacyKey = (role: string) =>
    signJwt({
      iss: "supabase",
      ref: projectName,
      role,
      iat: issuedAt,
      exp: issuedAt + LEGACY_KEY_SECONDS,
    }, jwtSecret);
  return {
    secretKey: opaqueKey("sb_secret"),
    publishableKey: opaqueKey("sb_publishable"),
    serviceRoleKey: legacyKey("service_role"),
    anonKey: legacyKey("anon"),
    jwtSecret,
  };
}

/** 22 random characters and, after an underscore, 8 more: the form of Supabase's keys. */
function opaqueKey(prefix: string): string {
  const random = randomBytes(30).toString("base64url").replaceAll("_", "-");
  return `${prefix}_${random.slice(0, 22)}_${random.slice(22, 30)}`;
}

/** What the gateway makes of the key of a request: the head to pass on, or a refusal. */
export type KeyCheck = { head: Head } | { refusal: Answer };

/**
 * Puts the token that a secret or publishable key stands for into Authorization. A user's token, or
 * a legacy key, in Authorization stays; no key at all is passed on, for the service to judge.
 */
export function translateKey(head: Head, keys: ApiKeys): KeyCheck {
  const bearer = head.get("authorization")?.match(/^Bearer (.*)$/i)?.[1];
  const apikey = head.get("apikey");
  const opaque = [apikey, bearer].find((key) => key?.startsWith("sb_"));
  if (opaque !== undefined) {
    const token = tokenOf(opaque, keys);
    if (token === undefined) return { refusal: UNREGISTERED_KEY };
    const ownToken = bearer !== undefined && !bearer.startsWith("sb_");
    return { head: ownToken ? head : head.with("authorization", `Bearer ${token}`) };
  }
  const legacy = apikey === undefined || apikey === keys.serviceRoleKey || apikey === keys.anonKey;
  return legacy ? { head } : { refusal: INVALID_KEY };
}

/**
 * Refuses a key that looks like one of Supabase's and is none of this project's. Any other is let
 * through to the function, which checks keys of its own.
 */
export function checkFunctionKey(head: Head, keys: ApiKeys): Answer | undefined {
  const apikey = head.get("apikey");
  const unknown = apikey?.startsWith("sb_") && tokenOf(apikey, keys) === undefined;
  return unknown ? UNREGISTERED_KEY : undefined;
}

function tokenOf(opaque: string, keys: ApiKeys): string | undefined {
  if (opaque === keys.secretKey) return keys.serviceRoleKey;
  if (opaque === keys.publishableKey) return keys.anonKey;
  return undefined;
}

/** Supabase's gateway says so of an `sb_…` key that it does not know. */
const UNREGISTERED_KEY: Answer = {
  status: 401,
  body: { message: "Unregistered API key", hint: "Double check the provided API key." },
};

/** Supabase's gateway says so of any other key that it does not know. */
const INVALID_KEY: Answer = {
  status: 401,
  body: {
    message: "Invalid API key",
    hint: "Double check your Supabase `anon` or `service_role` API key.",
  },
};
