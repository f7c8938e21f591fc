/** Sending signed requests to an S3 server, and trying again what may pass. */
import { readBytes, readStart, TooLongError } from "../../lib/streams/read_limited.ts";
import { createHash } from "node:crypto";
import type { Clock } from "../../lib/clock/clock.ts";
import { backoffMs, LONGEST_DELAY_MS } from "../../lib/http/retry_policy.ts";
import { HoldfastError, messageOf } from "../../config/errors.ts";
import type { Transport } from "../../lib/http/transport.ts";
import { retryAfter } from "../../lib/http/retry_after.ts";
import type { RepositorySettings } from "../../config/environment.ts";
import { requestBody } from "./request_body.ts";
import { createHideKey, isChecksumMismatch, isRetryable, parseS3Error, s3Error } from "./errors.ts";
import { createSigner, encodeKey } from "./sigv4.ts";

/** Whoever has not answered by then is out: a slice has to end before its isolate does. */
const ANSWER_TIMEOUT_MS = 20_000;
/** The body of an answer has to come within this time more. */
const BODY_TIMEOUT_MS = 40_000;
/** A body is sent at least so fast, in bytes a millisecond: one of 8 MiB within a minute. */
const SLOWEST_BODY = 210;
/** No further try is begun after so long. */
const LONGEST_TRYING_MS = 20_000;
const MAX_TRIES = 4;
/** A thousand of the longest keys, percent-encoded. */
const MAX_TEXT_BYTES = 8 * 1024 * 1024;
/** A refusal tells its code and its message at the beginning. */
const MAX_REFUSAL_BYTES = 16 * 1024;
/** Digest of no bytes, which requests without a body are signed with. */
const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** A request to one bucket. */
export interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Below the prefix; absent: the bucket itself is asked. */
  readonly key?: string;
  /** Canonical: encoded, sorted by name. */
  readonly query?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the body, hex. */
  readonly sha256?: string;
  /** Statuses beside 2xx that the caller reads itself. */
  readonly expected: readonly number[];
  /** Whether the body is read as a stream: the time of the request then ends with its head. */
  readonly streams?: boolean;
  /** What an error calls it; by default its method and key. */
  readonly action?: string;
}

/** A door to one bucket and prefix. */
export interface S3Client {
  /** Sends until S3 itself answered for good. Throws HoldfastError with a code `repository_…`. */
  send(asked: S3Request): Promise<Response>;
  /** Reads an answer's body. Throws HoldfastError `repository_unreachable` where it breaks off. */
  readText(asked: S3Request, response: Response): Promise<string>;
  /** The same, as bytes. Throws `repository_damaged` above maxBytes. */
  readBytes(
    asked: S3Request,
    response: Response,
    maxBytes: number,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** The typed error for an answer, by what its body says. */
  refusal(asked: S3Request, status: number, body: string, retryAfterMs?: number): HoldfastError;
}

/** A door to the bucket and prefix of these settings. Nothing is asked of the server yet. */
export function openS3Client(
  settings: RepositorySettings,
  { fetch: request, clock }: Transport,
): S3Client {
  const base = location(settings);
  const sign = createSigner(settings);
  const hideKey = createHideKey(settings);
  /** A bucket whose objects are locked by default takes no body without its MD5. */
  let asksForMd5 = false;

  function refusal(
    asked: S3Request,
    status: number,
    body: string,
    retryAfterMs?: number,
  ): HoldfastError {
    const { code, message } = parseS3Error(body);
    // Not in the code: a key's id may be a word of it.
    return s3Error(actionOf(asked), status, code, hideKey(message), retryAfterMs);
  }

  function unreachable(asked: S3Request, error: unknown): HoldfastError {
    return new HoldfastError(
      "repository_unreachable",
      `${actionOf(asked)}: ${hideKey(messageOf(error))}`,
      { cause: error },
    );
  }

  async function sendOnce(asked: S3Request): Promise<Response> {
    const body = asked.body && await requestBody(asked.body);
    const path = asked.key === undefined
      ? base.path || "/"
      : `${base.path}/${encodeKey(`${settings.prefix}/${asked.key}`)}`;
    const query = asked.query ?? "";
    const given = asked.body && asksForMd5
      ? { ...asked.headers, "content-md5": md5(asked.body) }
      : asked.headers ?? {};
    const headers = sign({
      method: asked.method,
      host: base.host,
      path,
      query,
      headers: given,
      payloadSha256: asked.sha256 ?? EMPTY_SHA256,
    }, clock.date());
    const sendUntil = (signal: AbortSignal) =>
      request(`${base.origin}${path}${query && `?${query}`}`, {
        method: asked.method,
        headers: { ...given, ...headers },
        redirect: "manual",
        signal,
        ...(body ? { body } : {}),
      });
    return asked.streams
      ? await untilAnswered(sendUntil, clock)
      : await sendUntil(clock.timeout(timeoutOf(asked)));
  }

  async function send(asked: S3Request): Promise<Response> {
    const began = clock.now();
    for (let attempt = 1;; attempt++) {
      let failure: HoldfastError;
      let retryAfterMs: number | undefined;
      try {
        const sentMd5 = asksForMd5;
        const response = await sendOnce(asked);
        if (response.ok ? isOfS3(asked, response) : asked.expected.includes(response.status)) {
          return response;
        }
        const body = await readStart(response, MAX_REFUSAL_BYTES);
        if (response.ok) throw new TypeError("a PUT was answered without an etag");
        if (!sentMd5 && wantsMd5(response.status, body)) {
          asksForMd5 = true;
          continue;
        }
        retryAfterMs = retryAfter(response, clock);
        failure = refusal(asked, response.status, body, retryAfterMs);
        const { code } = parseS3Error(body);
        if (!isRetryable(response.status, code) && !isChecksumMismatch(code)) throw failure;
        // All workers wait that long, not this slice.
        if (retryAfterMs !== undefined && retryAfterMs > LONGEST_DELAY_MS) throw failure;
      } catch (error) {
        if (error instanceof HoldfastError) throw error;
        failure = unreachable(asked, error);
      }
      if (attempt >= MAX_TRIES || clock.now() - began > LONGEST_TRYING_MS) throw failure;
      await clock.delay(backoffMs(attempt, retryAfterMs));
    }
  }

  async function whole(
    asked: S3Request,
    response: Response,
    maxBytes: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return await readBytes(response, maxBytes);
    } catch (error) {
      if (!(error instanceof TooLongError)) throw unreachable(asked, error);
      const message = `${asked.key ?? actionOf(asked)} is larger than ${maxBytes} bytes`;
      throw new HoldfastError("repository_damaged", message);
    }
  }

  return {
    send,
    refusal,
    readText: async (asked, response) =>
      new TextDecoder().decode(await whole(asked, response, MAX_TEXT_BYTES)),
    readBytes: whole,
  };
}

/**
 * Whether a success is S3's own word. What stands before a server and can't reach it may say 200 as
 * well, and what was never stored would count as held: S3 tells the etag of all that it stores.
 */
function isOfS3({ method }: S3Request, { headers }: Response): boolean {
  return method !== "PUT" || headers.has("etag");
}

/**
 * Whether a refusal asks for the body's MD5. Amazon does so for buckets with a default retention, whose
 * own check of the signed SHA-256 does not count; it costs 1.8 ms of CPU a MiB, and others need none.
 */
function wantsMd5(status: number, body: string): boolean {
  return status === 400 && /content-md5/i.test(body);
}

/** MD5 of a body as Content-MD5 has it. */
function md5(body: Uint8Array): string {
  return createHash("md5").update(body).digest("base64");
}

/** Ends a request that is not answered in time. Its body then takes as long as it takes. */
async function untilAnswered(
  send: (signal: AbortSignal) => Promise<Response>,
  clock: Clock,
): Promise<Response> {
  const timeout = new AbortController();
  const answered = clock.after(
    ANSWER_TIMEOUT_MS,
    () => timeout.abort(new DOMException("no answer came in time", "TimeoutError")),
  );
  try {
    return await send(timeout.signal);
  } finally {
    answered();
  }
}

/** Milliseconds that a request may take: what it sends counts, and of a GET also what it answers. */
function timeoutOf({ method, body }: S3Request): number {
  const reading = method === "GET" ? BODY_TIMEOUT_MS : 0;
  // Completing an upload takes its time, too.
  const working = method === "POST" ? BODY_TIMEOUT_MS : 0;
  return Math.ceil(ANSWER_TIMEOUT_MS + reading + working + (body?.length ?? 0) / SLOWEST_BODY);
}

/** What errors call a request. */
function actionOf({ action, key, method }: S3Request): string {
  return action ?? (key === undefined ? "list" : `${method} ${key}`);
}

/** The request on the condition that nothing is there under its key. */
export function onlyIfAbsent(asked: S3Request): S3Request {
  return { ...asked, headers: { ...asked.headers, "if-none-match": "*" } };
}

/** Where requests go: the bucket in the path or in the host name. */
function location(settings: RepositorySettings): { origin: string; host: string; path: string } {
  const url = new URL(settings.endpoint);
  const folder = url.pathname.replace(/\/$/, "");
  if (settings.forcePathStyle) {
    return { origin: url.origin, host: url.host, path: `${folder}/${settings.bucket}` };
  }
  url.hostname = `${settings.bucket}.${url.hostname}`;
  return { origin: url.origin, host: url.host, path: folder };
}
