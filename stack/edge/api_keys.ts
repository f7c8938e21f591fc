import { randomBytes } from "node:crypto";
import { signJwt } from "./jwt.ts";
import type { Head } from "./wire/head.ts";
import type { Answer } from "./wire/proxy.ts";

/** Validity of a legacy key. Supabase signs them for ten years. */
const LEGACY_KEY_SECONDS = 315_360_000;

/** The keys of one project. */
export interface ApiKeys {
  /** `sb_secret_…`: the gateway replaces it by a token of the role service_role. */
  secretKey: string;
  /** `sb_publishable_…`: the gateway replaces it by a token of the role anon. */
  publishableKey: string;
  /** The legacy key: a token of the role service_role. */
  serviceRoleKey: string;
  /** The legacy key: a token of the role anon. */
  anonKey: string;
  /** Signs the project's tokens (HS256). */
  jwtSecret: string;
}

/** Creates the keys of a new project. */
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

/** A key in Supabase's format: 22 random characters, an underscore and 8 more characters. */
function opaqueKey(prefix: string): string {
  const random = randomBytes(30).toString("base64url").replaceAll("_", "-");
  return `${prefix}_${random.slice(0, 22)}_${random.slice(22, 30)}`;
}

/** The result of checking a request's key: the head to forward, or a refusal. */
export type KeyCheck = { head: Head } | { refusal: Answer };

/**
 * Sets Authorization to the token that corresponds to a secret or publishable key. A user's token
 * or a legacy key in Authorization stays. A request without a key is forwarded, and the service
 * decides.
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
 * Refuses a key in Supabase's format that does not belong to this project. Other keys are forwarded
 * to the function, which may have its own kind of keys.
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

/** The answer of Supabase's gateway to an unknown `sb_…` key. */
const UNREGISTERED_KEY: Answer = {
  status: 401,
  body: { message: "Unregistered API key", hint: "Double check the provided API key." },
};

/** The answer of Supabase's gateway to any other unknown key. */
const INVALID_KEY: Answer = {
  status: 401,
  body: {
    message: "Invalid API key",
    hint: "Double check your Supabase `anon` or `service_role` API key.",
  },
};
