/** Writes to the project's Storage over REST. Only restores use it. */
import { createClient } from "@supabase/supabase-js";
import { readStart } from "../lib/streams/read_limited.ts";
import type { Clock } from "../lib/clock/clock.ts";
import { backoffMs } from "../lib/http/retry_policy.ts";
import { HoldfastError, messageOf } from "../config/errors.ts";
import { parseIfJson } from "../lib/codecs/json.ts";
import { REDIRECTS } from "../lib/http/redirects.ts";
import type { Transport } from "../lib/http/transport.ts";
import type { ProjectSettings } from "../config/environment.ts";
import { objectUrl } from "./object_url.ts";
import { retryAfter } from "../lib/http/retry_after.ts";
import { authorization, bucketsAnswer, MAX_REFUSAL_BYTES } from "./storage_reader.ts";
import { parseRefusal } from "./storage_error.ts";

const MAX_TRIES = 4;
const REQUEST_TIMEOUT_MS = 140_000;

/** The result of a write. `exists`: the name is taken. `refused`: a retry would fail, too. */
export type WriteOutcome =
  | { readonly kind: "done" }
  | { readonly kind: "exists" }
  | { readonly kind: "refused"; readonly message: string };

/** Options of an upload. */
export interface UploadOptions {
  /** Null: application/octet-stream. */
  readonly contentType: string | null;
  /** Null: Storage's default. */
  readonly cacheControl: string | null;
  /** Whether an existing object is overwritten. */
  readonly upsert: boolean;
}

/** The settings of a bucket that the API can set. */
export interface BucketSettings {
  readonly id: string;
  readonly public: boolean;
  /** Bytes; null for no limit. */
  readonly file_size_limit: number | null;
  /** Null: all types. */
  readonly allowed_mime_types: readonly string[] | null;
}

/**
 * The result of creating a bucket. `unsure`: the bucket exists after a retry, so that either an
 * earlier try without a response or somebody else created it.
 */
export type BucketOutcome = WriteOutcome | { readonly kind: "unsure" };

/**
 * Writes to one project's Storage. Every method may throw HoldfastError `storage_unreachable` or
 * `storage_key_refused`.
 */
export interface ObjectWriter {
  /**
   * Uploads an object.
   *
   * @param body is called before each try, because a stream can be read only once. If it returns
   * undefined, nothing is sent and the outcome is `exists`
   */
  upload(
    bucket: string,
    name: string,
    body: () => Promise<Uint8Array<ArrayBuffer> | ReadableStream | undefined>,
    options: UploadOptions,
  ): Promise<WriteOutcome>;
  /** Moves an object between buckets. The move is atomic and never overwrites an object. */
  move(from: ObjectLocation, to: ObjectLocation): Promise<WriteOutcome>;
  /** Creates a bucket. An existing bucket is not changed. */
  createBucket(settings: BucketSettings): Promise<BucketOutcome>;
  /** Empties and removes a bucket that Holdfast created. A missing bucket is not an error. */
  dropBucket(id: string): Promise<void>;
}

/** The bucket and name of an object. */
export interface ObjectLocation {
  readonly bucket: string;
  readonly name: string;
}

/** Makes an ObjectWriter over REST. It uses supabase-js only to remove buckets. */
export function createObjectWriter(
  project: Pick<ProjectSettings, "url" | "secretKey">,
  transport: Transport,
): ObjectWriter {
  const { fetch: request, clock } = transport;
  const client = createClient(project.url, project.secretKey, {
    auth: { persistSession: false, autoRefreshToken: false },
    global: {
      // supabase-js has no timeout, and it would follow redirects with the key.
      fetch: (input, init) =>
        request(input, {
          ...init,
          redirect: "manual",
          signal: clock.timeout(REQUEST_TIMEOUT_MS),
        }),
    },
  });

  /** Sends a request with retries. `refusable`: repeated failures of Storage itself count as a refusal. */
  async function send(
    make: () => Promise<Response>,
    refusable = false,
  ): Promise<WriteOutcome> {
    for (let attempt = 1;; attempt++) {
      const outcome = await tryOnce(make, clock);
      if (outcome.kind === "forbidden") {
        const { message } = outcome;
        if (await bucketsAnswer(project, transport) === "key_refused") {
          throw new HoldfastError("storage_key_refused", message);
        }
        if (attempt >= MAX_FORBIDDEN_TRIES) return { kind: "refused", message };
        await clock.delay(backoffMs(attempt));
        continue;
      }
      if (outcome.kind !== "again") return outcome;
      if (attempt >= MAX_TRIES) {
        if (refusable && outcome.own) return { kind: "refused", message: outcome.message };
        throw new HoldfastError("storage_unreachable", outcome.message);
      }
      await clock.delay(backoffMs(attempt, outcome.retryAfterMs));
    }
  }

  return {
    async upload(bucket, name, body, options) {
      const url = objectUrl(project.url, "object", bucket, name);
      if (!url) return unnameable;
      return await send(async () => {
        const sent = await body();
        if (sent === undefined) return new Response(null, { status: 409 });
        return await request(url, {
          method: "POST",
          headers: {
            ...authorization(project.secretKey),
            "x-upsert": String(options.upsert),
            // Storage stores it unchanged. Without one it would choose a default of its own.
            "content-type": headerValue(options.contentType) ?? "application/octet-stream",
            ...cacheControl(options.cacheControl),
          },
          body: sent,
          redirect: "manual",
          signal: clock.timeout(REQUEST_TIMEOUT_MS),
        });
      });
    },
    async move(from, to) {
      // A snapshot may have any name. An object that no URL can name could not be read back.
      if (!objectUrl(project.url, "object", to.bucket, to.name)) return unnameable;
      return await send(() =>
        request(`${project.url}/storage/v1/object/move`, {
          method: "POST",
          headers: { ...authorization(project.secretKey), "content-type": "application/json" },
          body: JSON.stringify({
            bucketId: from.bucket,
            sourceKey: from.name,
            destinationBucket: to.bucket,
            destinationKey: to.name,
          }),
          redirect: "manual",
          signal: clock.timeout(REQUEST_TIMEOUT_MS),
        })
      );
    },
    async createBucket(settings) {
      let tries = 0;
      const { id, file_size_limit, allowed_mime_types } = settings;
      const outcome = await send(() => {
        tries += 1;
        return request(`${project.url}/storage/v1/bucket`, {
          method: "POST",
          headers: { ...authorization(project.secretKey), "content-type": "application/json" },
          body: JSON.stringify({
            id,
            name: id,
            public: settings.public,
            file_size_limit,
            allowed_mime_types,
          }),
          redirect: "manual",
          signal: clock.timeout(REQUEST_TIMEOUT_MS),
        });
        // If a trigger of the project refuses a bucket, Storage returns 500.
      }, true);
      return outcome.kind === "exists" && tries > 1 ? { kind: "unsure" } : outcome;
    },
    async dropBucket(id) {
      const emptied = await client.storage.emptyBucket(id);
      const { error } = emptied.error ? emptied : await client.storage.deleteBucket(id);
      if (error && !/not found/i.test(error.message)) {
        throw new HoldfastError("storage_unreachable", `removing ${id}: ${error.message}`);
      }
    },
  };
}

const unnameable: WriteOutcome = { kind: "refused", message: "no URL can name this object" };

/** Longest header value that is sent. Servers refuse a request with some 16 KB of headers. */
const MAX_HEADER_CHARACTERS = 2_000;

/** Returns a value that a header can carry unchanged. The patch of the row restores all others. */
function headerValue(value: string | null): string | undefined {
  return value !== null && value.length <= MAX_HEADER_CHARACTERS &&
      /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value)
    ? value
    : undefined;
}

function cacheControl(value: string | null): Record<string, string> {
  const sent = headerValue(value);
  return sent === undefined ? {} : { "cache-control": sent };
}

/** Tries of a forbidden request. A key may be valid again a moment later; other reasons persist. */
const MAX_FORBIDDEN_TRIES = 2;

/** `forbidden`: either a trigger of the project refuses this request, or the key is refused. */
type Try = WriteOutcome | { readonly kind: "forbidden"; readonly message: string } | {
  readonly kind: "again";
  readonly message: string;
  readonly retryAfterMs: number;
  /** Whether it is an error of Storage itself, other than overload. */
  readonly own: boolean;
};

async function tryOnce(make: () => Promise<Response>, clock: Clock): Promise<Try> {
  let response: Response;
  let text: string;
  try {
    response = await make();
    text = await readStart(response, MAX_REFUSAL_BYTES);
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    return { kind: "again", message: messageOf(error), retryAfterMs: 0, own: false };
  }
  if (response.ok) return isOfStorage(text) ? { kind: "done" } : notOfStorage;
  const { stated, own: ownStatus, ...refusal } = parseRefusal(response.status, text);
  const status = Number(stated);
  const message = `Storage answered ${status}: ${refusal.message}`;
  if (status === 409) return { kind: "exists" };
  if (status === 401) throw new HoldfastError("storage_key_refused", message);
  if (status === 403) return { kind: "forbidden", message };
  // Storage sends no redirects, so a redirect comes from a proxy in front of it.
  if (status === 429 || status >= 500 || REDIRECTS.has(status)) {
    const own = ownStatus !== undefined && status !== 429 && status !== 503;
    return { kind: "again", message, retryAfterMs: retryAfter(response, clock) ?? 0, own };
  }
  return { kind: "refused", message };
}

/**
 * Whether Storage itself sent a success: its body describes the result as JSON. A proxy that can't
 * reach Storage may return 200, too, and the object would count as restored although it is not.
 */
function isOfStorage(text: string): boolean {
  const body = parseIfJson(text);
  return typeof body === "object" && body !== null;
}

const notOfStorage: Try = {
  kind: "again",
  message: "a success came without the JSON body of Storage",
  retryAfterMs: 0,
  own: false,
};
