import assert from "node:assert/strict";
import type { TestProject } from "./project.ts";

/** Metadata of an upload. */
export interface UploadOptions {
  type?: string;
  /** The header as it is stored, such as `max-age=60`. */
  cacheControl?: string;
  userMetadata?: Record<string, unknown>;
  /** Whether the upload may overwrite an object. Default: true. */
  upsert?: boolean;
  /** A user's token instead of the secret key. */
  token?: string;
}

/**
 * Uploads over REST with each segment of the name percent-encoded. supabase-js does not encode
 * names: it treats `?` as a query and drops leading, trailing and doubled slashes.
 */
export async function upload(
  project: Pick<TestProject, "url" | "secretKey">,
  bucket: string,
  name: string,
  body: BodyInit = "some bytes",
  options: UploadOptions = {},
): Promise<void> {
  const path = [bucket, ...name.split("/")].map(encodeURIComponent).join("/");
  const response = await fetch(`${project.url}/storage/v1/object/${path}`, {
    method: "POST",
    headers: {
      apikey: project.secretKey,
      authorization: `Bearer ${options.token ?? project.secretKey}`,
      "content-type": options.type ?? "text/plain",
      "x-upsert": String(options.upsert ?? true),
      ...(options.cacheControl !== undefined && { "cache-control": options.cacheControl }),
      ...(options.userMetadata !== undefined && {
        "x-metadata": btoa(JSON.stringify(options.userMetadata)),
      }),
    },
    body,
  });
  const text = await response.text();
  assert.ok(response.ok, `uploading ${bucket}/${name}: ${text}`);
}

/** The data of a supabase-js response, which must be a success. */
export async function ok<Answer extends { data: unknown; error: Error | null }>(
  answer: PromiseLike<Answer>,
): Promise<NonNullable<Answer["data"]>> {
  const { data, error } = await answer;
  assert.equal(error, null, error?.message);
  return data!;
}

/** Creates a bucket. Default: private. */
export async function createBucket(
  project: Pick<TestProject, "storage">,
  id: string,
  options: {
    public?: boolean;
    fileSizeLimit?: number;
    allowedMimeTypes?: string[];
  } = {},
): Promise<void> {
  await ok(project.storage.createBucket(id, { public: false, ...options }));
}

/** Incompressible bytes that differ for each seed. */
export function bytesOf(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed * 2654435761 >>> 0 || 1;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
  }
  return bytes;
}
