import type { Caller } from "./caller.ts";
import type { Answer } from "./exchange.ts";
import { contentRange, parseRange } from "./range.ts";

/** A hosted project's CDN may serve outdated answers for this long. */
const STALE_MILLISECONDS = 60_000;
/** Larger answers are not cached. Smaller ones are cached in memory, up to KEPT_BYTES in total. */
const LARGEST_KEPT_BYTES = 16 * 1024 * 1024;
const KEPT_BYTES = 128 * 1024 * 1024;

/** A cached answer. */
interface Kept {
  readonly bucket: string;
  readonly name: string;
  readonly at: number;
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** The properties of a request that form its cache key. */
export interface CdnRequest {
  readonly url: string;
  readonly bucket: string;
  readonly name: string;
  readonly headers: Headers;
  readonly caller: Caller;
}

/**
 * The CDN in front of a hosted project. It caches answers by caller and full URL with query. It is
 * not notified of overwrites and deletions. Tests switch it on and off and set its clock.
 */
export class Cdn {
  /** If false, there is no CDN: answers have no cf-cache-status. */
  enabled: boolean;
  /** Time for which a cached answer is served, in milliseconds. */
  staleMilliseconds = STALE_MILLISECONDS;
  /** The CDN's clock, milliseconds since 1970. */
  now: () => number = Date.now;
  #kept = new Map<string, Kept>();
  #bytes = 0;

  constructor(enabled: boolean) {
    this.enabled = enabled;
  }

  /** Resets the CDN: it empties the cache and uses the machine's clock. */
  reset(enabled: boolean): void {
    this.enabled = enabled;
    this.staleMilliseconds = STALE_MILLISECONDS;
    this.now = Date.now;
    this.purge();
  }

  /** Removes an object, a bucket, or everything from the cache. */
  purge(bucket?: string, name?: string): void {
    for (const [key, kept] of this.#kept) {
      const named = name === undefined || kept.name === name;
      if ((bucket === undefined || kept.bucket === bucket) && named) this.#forget(key);
    }
  }

  /** The cached answer; `undefined` if the origin must answer. */
  lookup(request: CdnRequest): Answer | undefined {
    if (isConditional(request.headers)) return undefined;
    const range = request.headers.get("range");
    const exact = this.#fresh(keyOf(request, range));
    if (exact) return { status: exact.status, headers: headersOf(exact), body: exact.body };
    const whole = range === null ? undefined : this.#fresh(keyOf(request, null));
    return whole && sliceOf(whole, range);
  }

  /** Caches an answer of the origin, and returns the answer to send. */
  async keep(request: CdnRequest, answer: Answer): Promise<Answer> {
    const { status, headers, body } = answer;
    if (status !== 200 && status !== 206 || isConditional(request.headers)) return answer;
    if (body === null || body.length > LARGEST_KEPT_BYTES) return answer;
    const bytes = body instanceof Uint8Array ? body : await new Response(body.stream).bytes();
    // The origin's body is truncated. It is not cached, and is sent truncated to the client.
    if (bytes.length !== body.length) return { ...answer, body: { ...body, stream: of(bytes) } };
    const { bucket, name } = request;
    const key = keyOf(request, request.headers.get("range"));
    this.#forget(key);
    this.#kept.set(key, { bucket, name, at: this.now(), status, headers, body: bytes });
    this.#bytes += bytes.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= KEPT_BYTES) break;
      this.#forget(oldest);
    }
    return { ...answer, body: bytes };
  }

  #fresh(key: string): (Kept & { age: number }) | undefined {
    const kept = this.#kept.get(key);
    if (!kept) return undefined;
    const age = this.now() - kept.at;
    if (age < this.staleMilliseconds) return { ...kept, age };
    this.#forget(key);
  }

  #forget(key: string): void {
    this.#bytes -= this.#kept.get(key)?.body.length ?? 0;
    this.#kept.delete(key);
  }
}

function keyOf({ url, caller }: CdnRequest, range: string | null): string {
  return JSON.stringify([url, caller.role, caller.owner, range]);
}

function isConditional(headers: Headers): boolean {
  return headers.has("if-none-match") || headers.has("if-modified-since");
}

function headersOf(kept: Kept & { age: number }): Headers {
  const headers = new Headers(kept.headers);
  headers.set("age", String(Math.floor(kept.age / 1000)));
  return headers;
}

/** A range of a cached complete body. */
function sliceOf(kept: Kept & { age: number }, header: string | null): Answer | undefined {
  const range = parseRange(header, kept.body.length);
  if (range === "unsatisfiable") return undefined;
  const headers = headersOf(kept);
  if (!range) return { status: 200, headers, body: kept.body };
  headers.set("content-length", String(range.length));
  headers.set("content-range", contentRange(range, kept.body.length));
  const body = kept.body.subarray(range.start, range.start + range.length);
  return { status: 206, headers, body };
}

function of(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new Blob([bytes]).stream();
}
