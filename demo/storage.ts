import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { createClient } from "@supabase/supabase-js";
import { signJwt } from "../stack/edge/jwt.ts";
import type { ProjectInfo } from "../stack/project.ts";
import { DemoError } from "./errors.ts";
import { type DemoObject, type Location, locationOf } from "./objects.ts";

/** The properties of a project that a client of its Storage needs. */
export type StorageAccess = Pick<ProjectInfo, "url" | "secretKey" | "publishableKey" | "jwtSecret">;

/**
 * Uploads an object as its owner or with the secret key. Only `upsert` replaces an existing object.
 */
export async function uploadObject(
  project: StorageAccess,
  object: DemoObject,
  upsert = false,
): Promise<void> {
  const headers: Record<string, string> = {
    ...credentials(project, object.owner),
    "content-type": object.type,
    "x-upsert": String(upsert),
  };
  if (object.cacheControl !== undefined) headers["cache-control"] = object.cacheControl;
  if (object.userMetadata !== undefined) {
    headers["x-metadata"] = Buffer.from(JSON.stringify(object.userMetadata)).toString("base64");
  }
  const body = await object.read();
  const url = `${project.url}/storage/v1/object/${encodeLocation(object)}`;
  const response = await fetch(url, { method: "POST", headers, body });
  const text = await response.text();
  if (response.ok) return;
  throw new DemoError(
    "upload_refused",
    `Storage refused ${locationOf(object)}: ${text.slice(0, 300)}`,
  );
}

function credentials(project: StorageAccess, owner: string | undefined): Record<string, string> {
  if (owner === undefined) {
    return { apikey: project.secretKey, authorization: `Bearer ${project.secretKey}` };
  }
  const claims = {
    role: "authenticated",
    aud: "authenticated",
    sub: owner,
    exp: Math.floor(Date.now() / 1000) + 3600,
  };
  const token = signJwt(claims, project.jwtSecret);
  return { apikey: project.publishableKey, authorization: `Bearer ${token}` };
}

/**
 * Percent-encodes each segment. supabase-js is not usable here: it treats `?` as the start of a
 * query, and drops leading, trailing and doubled slashes.
 */
function encodeLocation({ bucket, name }: Location): string {
  return [bucket, ...name.split("/")].map(encodeURIComponent).join("/");
}

/** SHA-256 in hex of the bytes that Storage returns; its refusal if it returns none. */
export async function digestOfObject(
  project: Pick<StorageAccess, "url" | "secretKey">,
  location: Location,
): Promise<{ sha256: string } | { refusal: string }> {
  // A different URL for each request, so that no cache answers instead of Storage.
  const nonce = `cacheNonce=${crypto.randomUUID()}`;
  const url = `${project.url}/storage/v1/object/authenticated/${encodeLocation(location)}?${nonce}`;
  const response = await fetch(url, {
    headers: { apikey: project.secretKey, authorization: `Bearer ${project.secretKey}` },
  });
  if (!response.ok) return { refusal: (await response.text()).slice(0, 300) };
  const hash = createHash("sha256");
  for await (const chunk of response.body ?? []) hash.update(chunk);
  return { sha256: hash.digest("hex") };
}

/** supabase-js's Storage client with the secret key. */
export function storageClient(project: StorageAccess) {
  const auth = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false };
  return createClient(project.url, project.secretKey, { auth }).storage;
}

/**
 * Awaits a result of supabase-js.
 *
 * @throws DemoError `storage_refused`, which names the operation.
 */
export async function mustSucceed(
  what: string,
  answer: PromiseLike<{ error: Error | null }>,
): Promise<void> {
  const { error } = await answer;
  if (error) throw new DemoError("storage_refused", `${what}: ${error.message}`);
}
