/** The project's Storage over REST. Reading only: a backup writes nothing to Storage. */
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

/** What Storage answered to a request for an object's bytes. */
export type StorageRead =
  | {
    readonly kind: "bytes";
    readonly response: Response;
    readonly etag: string;
    readonly fresh: boolean;
  }
  /** Neither a row nor bytes under this name, or a row without bytes: the row decides which. */
  | { readonly kind: "missing" }
  | { readonly kind: "unfetchable"; readonly message: string }
  /** Busy, broken or cut off: worth asking again. */
  | {
    readonly kind: "failed";
    readonly message: string;
    /** Whether Storage says so of this object; else it, or what stands before it, may be out. */
    readonly ofObject?: boolean;
    /** Whether it is Storage's own 500: over files it says so of a row whose bytes are lost, too. */
    readonly internal?: boolean;
    /** Whether it is too busy to answer (429, 503). */
    readonly busy?: boolean;
    readonly retryAfterMs?: number;
  };

/** Bytes of an object that one GET asks for, both ends inclusive. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** Reads objects of one project. */
export interface ObjectReader {
  /**
   * One GET. The body of `bytes` is the caller's to read or let go. `size` is how many bytes are
   * expected where there is no range, null where nobody knows.
   * @throws HoldfastError `storage_key_refused`: no object could be read with this key.
   */
  read(
    bucket: string,
    name: string,
    range?: ByteRange,
    size?: number | null,
  ): Promise<StorageRead>;
}

/** Whoever has not begun to answer by then is out: a slice has to end before its isolate does. */
const ANSWER_TIMEOUT_MS = 20_000;
/** A body comes at least so fast, in bytes a millisecond: one of 8 MiB within a minute. */
const SLOWEST_BODY = 210;
/** A refusal says so much and no more. */
export const MAX_REFUSAL_BYTES = 16 * 1024;
/** So much is expected where nobody knows. */
const UNKNOWN_BYTES = 8 * 1024 * 1024;

/** Headers of a request as supabase-js sends them: the gateway makes a JWT of a secret key. */
export function authorization(secretKey: string): Record<string, string> {
  return { apikey: secretKey, authorization: `Bearer ${secretKey}` };
}

/** An ObjectReader over REST; `traffic` is told what is sent and read. */
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
        // A distinct nonce passes the CDN, which may be a minute behind.
        const response = await request(`${url.href}?cacheNonce=${crypto.randomUUID()}`, {
          headers: {
            ...authorization(project.secretKey),
            // Deno 2.1.4 decodes a gzip answer silently and drops its length.
            "accept-encoding": "identity",
            ...(range ? { range: `bytes=${range.first}-${range.last}` } : {}),
          },
          // The key would go along to wherever it points.
          redirect: "manual",
          // One signal for head and body: a second one costs 50 µs of CPU a request.
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

/** Whether Storage answers anything at all; of its bytes this says nothing. */
export async function storageAnswers(
  project: Pick<ProjectSettings, "url" | "secretKey">,
  transport: Transport,
): Promise<boolean> {
  return await bucketsAnswer(project, transport) === "answered";
}

/** What listing a bucket came to: only Storage, its database and the key decide it. */
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
    // Refused, reset, late: whatever it was, it was no answer.
    return "failed";
  }
}

/** Milliseconds that a GET of so many bytes may take. */
function timeoutFor(bytes = UNKNOWN_BYTES): number {
  return Math.ceil(ANSWER_TIMEOUT_MS + bytes / SLOWEST_BODY);
}

/** Takes back what was counted of an answer whose body nobody reads. */
const unread = new WeakMap<Response, () => void>();

/** Lets the body of an answer go unread; it does not count as read then. */
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
  // Storage names an ETag with all bytes. Without one, whoever stands before it has answered: an empty
  // body of theirs would pass for an empty object.
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
  const told = `Storage answered ${stated}: ${message}`;
  if (ofKey === "yes") throw keyRefused(told);
  if (ofKey === "maybe") return { kind: "forbidden", message: told };
  return {
    kind: "failed",
    message: told,
    ofObject: own !== undefined && !/^(5\d\d|408|429)$/.test(own),
    internal: own === "500",
    busy: stated === "429" || stated === "503",
  };
}

/** A refusal that may be of the key, and may be of the object. */
interface Forbidden {
  readonly kind: "forbidden";
  readonly message: string;
}

/** One object that the key is not the reason for must not end the run, nor every run after it. */
async function classifyForbidden(
  read: StorageRead | Forbidden,
  askBuckets: () => ReturnType<typeof bucketsAnswer>,
): Promise<StorageRead> {
  if (read.kind !== "forbidden") return read;
  const buckets = await askBuckets();
  if (buckets === "key_refused") throw keyRefused(read.message);
  return { kind: "failed", message: read.message, ofObject: buckets === "answered" };
}

function keyRefused(message: string): HoldfastError {
  return new HoldfastError("storage_key_refused", `${message}.`);
}
