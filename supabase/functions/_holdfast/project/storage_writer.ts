/** The project's Storage as a restore writes to it. */
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

/** What Storage answered to a write. */
export type WriteOutcome =
  | { readonly kind: "done" }
  | { readonly kind: "exists" }
  | { readonly kind: "refused"; readonly message: string };

/** How an object is put. */
export interface UploadOptions {
  readonly contentType: string | null;
  readonly cacheControl: string | null;
  readonly upsert: boolean;
}

/** A bucket with the settings that the API can set. */
export interface BucketSettings {
  readonly id: string;
  readonly public: boolean;
  readonly file_size_limit: number | null;
  readonly allowed_mime_types: readonly string[] | null;
}

/**
 * What Storage answered to being asked for a bucket. `unsure`: it is there, and a try that had no
 * answer may have made it, or somebody else may have in the meantime.
 */
export type BucketOutcome = WriteOutcome | { readonly kind: "unsure" };

/** Writes to one project's Storage. Every method may throw `storage_unreachable` or `storage_key_refused`. */
export interface ObjectWriter {
  /**
   * Puts an object; `body` is called for each try, for a stream can be read only once. Where it gives
   * nothing, nothing is sent, and the name counts as taken.
   */
  upload(
    bucket: string,
    name: string,
    body: () => Promise<Uint8Array<ArrayBuffer> | ReadableStream | undefined>,
    options: UploadOptions,
  ): Promise<WriteOutcome>;
  /** Moves an object between buckets: atomic, and only to a name that is free. */
  move(from: ObjectLocation, to: ObjectLocation): Promise<WriteOutcome>;
  /** Makes a bucket; one that is there is left as it is. */
  createBucket(settings: BucketSettings): Promise<BucketOutcome>;
  /** Empties and removes a bucket that Holdfast made. */
  dropBucket(id: string): Promise<void>;
}

/** Where an object is. */
export interface ObjectLocation {
  readonly bucket: string;
  readonly name: string;
}

/** An ObjectWriter over REST; supabase-js removes buckets. */
export function createObjectWriter(
  project: Pick<ProjectSettings, "url" | "secretKey">,
  transport: Transport,
): ObjectWriter {
  const { fetch: request, clock } = transport;
  const client = createClient(project.url, project.secretKey, {
    auth: { persistSession: false, autoRefreshToken: false },
    global: {
      // By itself it would wait for ever, and take the key along to wherever it is sent.
      fetch: (input, init) =>
        request(input, {
          ...init,
          redirect: "manual",
          signal: clock.timeout(REQUEST_TIMEOUT_MS),
        }),
    },
  });

  /** Tries again what may pass. `refusable`: Storage's own repeated failure is of this request. */
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
            // Stored verbatim; without one Storage would make up its own.
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
      // A snapshot may name anything: what could not be read there is not put there.
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
        // A trigger of the target's on its buckets is a 500 of Storage's.
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

/** Servers refuse a request whose headers come to some 16 KB. */
const MAX_HEADER_CHARACTERS = 2_000;

/** A value that a header can carry as it is. Rows may hold others; the row's patch puts them back. */
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

/** A key may be back a moment later; what refuses this one request does so again. */
const MAX_FORBIDDEN_TRIES = 2;

/** `forbidden`: a trigger of the target's may refuse this alone, and the key may be refused. */
type Try = WriteOutcome | { readonly kind: "forbidden"; readonly message: string } | {
  readonly kind: "again";
  readonly message: string;
  readonly retryAfterMs: number;
  /** Whether Storage itself says so, and not that it is too busy. */
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
  const { stated, own: said, ...refusal } = parseRefusal(response.status, text);
  const status = Number(stated);
  const message = `Storage answered ${status}: ${refusal.message}`;
  if (status === 409) return { kind: "exists" };
  if (status === 401) throw new HoldfastError("storage_key_refused", message);
  if (status === 403) return { kind: "forbidden", message };
  // Storage redirects nothing: whoever does stands before it.
  if (status === 429 || status >= 500 || REDIRECTS.has(status)) {
    const own = said !== undefined && status !== 429 && status !== 503;
    return { kind: "again", message, retryAfterMs: retryAfter(response, clock) ?? 0, own };
  }
  return { kind: "refused", message };
}

/**
 * Whether a success is Storage's own word: it says what it made, as JSON. What stands before it and
 * can't reach it may say 200 as well, and what was never put would count as restored.
 */
function isOfStorage(text: string): boolean {
  const said = parseIfJson(text);
  return typeof said === "object" && said !== null;
}

const notOfStorage: Try = {
  kind: "again",
  message: "a success was answered without what Storage says with it",
  retryAfterMs: 0,
  own: false,
};
