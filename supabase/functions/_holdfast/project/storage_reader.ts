/** Reads the project's Storage over REST. */
import type { Clock } from "../lib/clock/clock.ts";
import type { RateLimiter } from "../lib/concurrency/rate_limiter.ts";
import { readStart } from "../lib/streams/read_limited.ts";
import { HoldfastError, messageOf } from "../config/errors.ts";
import { unquoteEtag } from "../lib/http/etag.ts";
import { retryAfter } from "../lib/http/retry_after.ts";
import type { Transport } from "../lib/http/transport.ts";
import type { ProjectSettings } from "../config/environment.ts";
import { objectUrl } from "./object_url.ts";
import { parseRefusal } from "./storage_error.ts";

/** The result of a request for an object's bytes. */
export type StorageRead =
  /** The response has the bytes. `fresh`: it does not come from a cache of the CDN. */
  | {
    readonly kind: "bytes";
    readonly response: Response;
    readonly etag: string;
    readonly fresh: boolean;
  }
  /** The name has no row, or a row without bytes. The caller must read the row to know which. */
  | { readonly kind: "missing" }
  /** No request can name the object. */
  | { readonly kind: "unfetchable"; readonly message: string }
  /** The request failed, and a retry may succeed. */
  | {
    readonly kind: "failed";
    readonly message: string;
    /** Whether the failure concerns this object. Otherwise Storage or a proxy may have an outage. */
    readonly ofObject?: boolean;
    /** Whether it is Storage's own 500, which its file backend also sends if the bytes are lost. */
    readonly internal?: boolean;
    /** Whether Storage is overloaded (429 or 503). */
    readonly busy?: boolean;
    /** Milliseconds that Storage asked to wait. */
    readonly retryAfterMs?: number;
  };

/** A range of an object's bytes. Both ends are inclusive. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** Reads objects of one project. */
export interface ObjectReader {
  /**
   * Sends one GET. The caller must read the body of `bytes` or discard it with {@link discardBody}.
   *
   * @param range absent: the complete object
   * @param size expected bytes of the complete object; null or absent if unknown
   * @throws HoldfastError `storage_key_refused` if Storage refuses the key for every object
   */
  read(
    bucket: string,
    name: string,
    range?: ByteRange,
    size?: number | null,
  ): Promise<StorageRead>;
}

/** Time until a response must start. A slice must end before its isolate does. */
const ANSWER_TIMEOUT_MS = 20_000;
/** Lowest rate of a body in bytes a millisecond: 8 MiB take less than a minute. */
const SLOWEST_BODY = 210;
/** Most bytes of an error response that are read. */
export const MAX_REFUSAL_BYTES = 16 * 1024;
/** Size from which the timeout is computed if the size is unknown. */
const UNKNOWN_BYTES = 8 * 1024 * 1024;

/**
 * Makes the authentication headers of a request, as supabase-js does. The gateway replaces a secret
 * key by a JWT.
 */
export function authorization(secretKey: string): Record<string, string> {
  return { apikey: secretKey, authorization: `Bearer ${secretKey}` };
}

/**
 * Makes an ObjectReader over REST.
 *
 * @param rateLimiter counts the requests and the bytes; absent: nothing is counted
 */
export function createObjectReader(
  project: Pick<ProjectSettings, "url" | "secretKey">,
  transport: Transport,
  rateLimiter?: RateLimiter,
): ObjectReader {
  const { fetch: request, clock } = transport;
  return {
    async read(bucket, name, range, size) {
      const url = objectUrl(project.url, "object/authenticated", bucket, name);
      if (!url) {
        return { kind: "unfetchable", message: "a URL would collapse its . or .. segments" };
      }
      const sentAt = clock.now();
      const expected = range ? range.last - range.first + 1 : size ?? undefined;
      const answered = rateLimiter?.sent(expected ?? 0);
      let bytes = 0;
      try {
        // A new nonce bypasses the CDN, whose copy may be a minute old.
        const response = await request(`${url.href}?cacheNonce=${crypto.randomUUID()}`, {
          headers: {
            ...authorization(project.secretKey),
            // Deno 2.1.4 decompresses a gzip response silently and drops its length.
            "accept-encoding": "identity",
            ...(range ? { range: `bytes=${range.first}-${range.last}` } : {}),
          },
          // Following a redirect would send the key to another host.
          redirect: "manual",
          // One signal covers head and body, because a second one costs 50 µs of CPU a request.
          signal: clock.timeout(timeoutFor(expected)),
        });
        const read = await classifyForbidden(
          await classify(response, range !== undefined, clock),
          () => bucketsAnswer(project, transport),
        );
        if (read.kind === "failed" && read.busy) rateLimiter?.concurrency.busy();
        if (read.kind !== "bytes") return read;
        rateLimiter?.concurrency.answered(clock.now() - sentAt);
        bytes = Number(response.headers.get("content-length") ?? "0");
        if (rateLimiter) unread.set(response, () => rateLimiter.countRead(-bytes));
        return read;
      } catch (error) {
        if (error instanceof HoldfastError) throw error;
        return { kind: "failed", message: messageOf(error) };
      } finally {
        answered?.(bytes);
      }
    },
  };
}

/** Whether Storage responds to a listing of buckets. This does not prove that it can read bytes. */
export async function storageAnswers(
  project: Pick<ProjectSettings, "url" | "secretKey">,
  transport: Transport,
): Promise<boolean> {
  return await bucketsAnswer(project, transport) === "answered";
}

/**
 * Lists one bucket. The result depends on Storage, its database and the key, but not on an object.
 * It never throws.
 */
export async function bucketsAnswer(
  project: Pick<ProjectSettings, "url" | "secretKey">,
  { fetch: request, clock }: Transport,
): Promise<"answered" | "key_refused" | "failed"> {
  try {
    const response = await request(`${project.url}/storage/v1/bucket?limit=1`, {
      headers: authorization(project.secretKey),
      redirect: "manual",
      signal: clock.timeout(ANSWER_TIMEOUT_MS),
    });
    if (response.ok) {
      await response.body?.cancel();
      return "answered";
    }
    const { ofKey } = parseRefusal(response.status, await readStart(response, MAX_REFUSAL_BYTES));
    return ofKey === "no" ? "failed" : "key_refused";
  } catch {
    // The connection was refused or reset, or the request timed out.
    return "failed";
  }
}

/** Timeout in milliseconds of a GET, by the bytes of its response. */
function timeoutFor(bytes = UNKNOWN_BYTES): number {
  return Math.ceil(ANSWER_TIMEOUT_MS + bytes / SLOWEST_BODY);
}

/** For each response: subtracts its bytes from the count if the body is not read. */
const unread = new WeakMap<Response, () => void>();

/** Discards the body of a response. Its bytes do not count as read. */
export async function discardBody(response: Response): Promise<void> {
  unread.get(response)?.();
  await response.body?.cancel();
}

async function classify(
  response: Response,
  ranged: boolean,
  clock: Clock,
): Promise<StorageRead | Forbidden> {
  const etag = response.headers.get("etag");
  // Storage sends an ETag with all bytes. Without one, a proxy responded, and its empty body would
  // count as an empty object.
  if (response.status === (ranged ? 206 : 200) && response.body !== null && etag !== null) {
    return {
      kind: "bytes",
      response,
      etag: unquoteEtag(etag),
      fresh: response.headers.get("cf-cache-status") !== "HIT",
    };
  }
  const text = await readStart(response, MAX_REFUSAL_BYTES);
  if (response.ok) {
    return {
      kind: "failed",
      message: `Storage answered ${response.status} where bytes were asked for`,
    };
  }
  const retryAfterMs = retryAfter(response, clock);
  return {
    ...classifyError(response.status, text),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  } as StorageRead | Forbidden;
}

function classifyError(status: number, text: string): StorageRead | Forbidden {
  const { message, stated, own, invalidName, ofKey } = parseRefusal(status, text);
  if (invalidName) return { kind: "unfetchable", message };
  if (own === "404") return { kind: "missing" };
  const described = `Storage answered ${stated}: ${message}`;
  if (ofKey === "yes") throw keyRefused(described);
  if (ofKey === "maybe") return { kind: "forbidden", message: described };
  return {
    kind: "failed",
    message: described,
    ofObject: own !== undefined && !/^(5\d\d|408|429)$/.test(own),
    internal: own === "500",
    busy: stated === "429" || stated === "503",
  };
}

/** A refusal whose reason may be the key or the object. */
interface Forbidden {
  readonly kind: "forbidden";
  readonly message: string;
}

/**
 * Decides whether a refusal concerns the key or the object, by a listing of buckets. If it concerns
 * the object, it must not end this run and every later one.
 */
async function classifyForbidden(
  read: StorageRead | Forbidden,
  listBuckets: () => ReturnType<typeof bucketsAnswer>,
): Promise<StorageRead> {
  if (read.kind !== "forbidden") return read;
  const buckets = await listBuckets();
  if (buckets === "key_refused") throw keyRefused(read.message);
  return { kind: "failed", message: read.message, ofObject: buckets === "answered" };
}

function keyRefused(message: string): HoldfastError {
  return new HoldfastError("storage_key_refused", `${message}.`);
}
