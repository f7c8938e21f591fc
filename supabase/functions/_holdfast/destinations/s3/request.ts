/** Sends signed requests to an S3 server, with retries. */
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

/** Time until a response must start. A slice must end before its isolate does. */
const ANSWER_TIMEOUT_MS = 20_000;
/** Further time for the body of a response. */
const BODY_TIMEOUT_MS = 40_000;
/** Lowest rate of a request's body in bytes a millisecond: 8 MiB take less than a minute. */
const SLOWEST_BODY = 210;
/** Time after which no further try is started. */
const LONGEST_TRYING_MS = 20_000;
const MAX_TRIES = 4;
/** Largest XML response: a thousand of the longest keys, percent-encoded. */
const MAX_TEXT_BYTES = 8 * 1024 * 1024;
/** Most bytes of an error response that are read. Code and message are at its start. */
const MAX_REFUSAL_BYTES = 16 * 1024;
/** SHA-256 of no bytes, which signs requests without a body. */
const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** A request to one bucket. */
export interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Relative to the prefix; absent: the request is for the bucket itself. */
  readonly key?: string;
  /** Canonical query: percent-encoded and sorted by name. */
  readonly query?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the body, hex. */
  readonly sha256?: string;
  /** Statuses other than 2xx that the caller handles. */
  readonly expected: readonly number[];
  /** Whether the body is read as a stream. The timeout then covers only the response's head. */
  readonly streams?: boolean;
  /** Name of the request in errors. Default: its method and key. */
  readonly action?: string;
}

/** A client of one bucket and prefix. */
export interface S3Client {
  /**
   * Sends a request, and retries failures that may be temporary.
   *
   * @returns a response with status 2xx or an expected one
   * @throws HoldfastError `repository_…` for any other response, or if there is none
   */
  send(asked: S3Request): Promise<Response>;
  /**
   * Reads the body of a response as text.
   *
   * @throws HoldfastError `repository_unreachable` if the connection ends before the body does
   */
  readText(asked: S3Request, response: Response): Promise<string>;
  /**
   * Reads the body of a response as bytes.
   *
   * @throws HoldfastError `repository_unreachable` as `readText` does; `repository_damaged` if the
   * body is larger than `maxBytes`
   */
  readBytes(
    asked: S3Request,
    response: Response,
    maxBytes: number,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** Makes the typed error for an error response, from its body. */
  refusal(asked: S3Request, status: number, body: string, retryAfterMs?: number): HoldfastError;
}

/** Makes a client for the bucket and prefix of the settings. It sends no request yet. */
export function openS3Client(
  settings: RepositorySettings,
  { fetch: request, clock }: Transport,
): S3Client {
  const base = location(settings);
  const sign = createSigner(settings);
  const hideKey = createHideKey(settings);
  /** Whether the bucket requires the MD5 of bodies, as one with a default object lock does. */
  let asksForMd5 = false;

  function refusal(
    asked: S3Request,
    status: number,
    body: string,
    retryAfterMs?: number,
  ): HoldfastError {
    const { code, message } = parseS3Error(body);
    // The key's id is not replaced in the code, because a short id may be a part of the code's name.
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
    const unsigned = asked.body && asksForMd5
      ? { ...asked.headers, "content-md5": md5(asked.body) }
      : asked.headers ?? {};
    const headers = sign({
      method: asked.method,
      host: base.host,
      path,
      query,
      headers: unsigned,
      payloadSha256: asked.sha256 ?? EMPTY_SHA256,
    }, clock.date());
    const sendUntil = (signal: AbortSignal) =>
      request(`${base.origin}${path}${query && `?${query}`}`, {
        method: asked.method,
        headers: { ...unsigned, ...headers },
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
        // The engine makes all workers wait that long, so this slice ends.
        if (retryAfterMs !== undefined && retryAfterMs > LONGEST_DELAY_MS) throw failure;
      } catch (error) {
        if (error instanceof HoldfastError) throw error;
        failure = unreachable(asked, error);
      }
      if (attempt >= MAX_TRIES || clock.now() - began > LONGEST_TRYING_MS) throw failure;
      await clock.delay(backoffMs(attempt, retryAfterMs));
    }
  }

  async function readBody(
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
      new TextDecoder().decode(await readBody(asked, response, MAX_TEXT_BYTES)),
    readBytes: readBody,
  };
}

/**
 * Whether the S3 server itself sent a success: it returns an etag for everything that it stores. A
 * proxy that can't reach the server may return 200, too, and the bytes would count as stored.
 */
function isOfS3({ method }: S3Request, { headers }: Response): boolean {
  return method !== "PUT" || headers.has("etag");
}

/**
 * Whether an error response requires Content-MD5. Amazon does so for buckets with a default retention
 * and does not accept the signed SHA-256 instead. The MD5 costs 1.8 ms of CPU a MiB, so it is only
 * sent if required.
 */
function wantsMd5(status: number, body: string): boolean {
  return status === 400 && /content-md5/i.test(body);
}

/** MD5 of a body in the form of Content-MD5. */
function md5(body: Uint8Array): string {
  return createHash("md5").update(body).digest("base64");
}

/** Aborts a request whose response does not start in time. The body has no timeout. */
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

/** Timeout of a request in milliseconds, with time for the bodies of the request and the response. */
function timeoutOf({ method, body }: S3Request): number {
  const reading = method === "GET" ? BODY_TIMEOUT_MS : 0;
  // The server needs time to complete an upload.
  const working = method === "POST" ? BODY_TIMEOUT_MS : 0;
  return Math.ceil(ANSWER_TIMEOUT_MS + reading + working + (body?.length ?? 0) / SLOWEST_BODY);
}

/** Name of a request in errors. */
function actionOf({ action, key, method }: S3Request): string {
  return action ?? (key === undefined ? "list" : `${method} ${key}`);
}

/** Makes a request conditional: the server must refuse it if the key has an object. */
export function onlyIfAbsent(asked: S3Request): S3Request {
  return { ...asked, headers: { ...asked.headers, "if-none-match": "*" } };
}

/** Origin, host and path of requests, with the bucket in the path or in the host name. */
function location(settings: RepositorySettings): { origin: string; host: string; path: string } {
  const url = new URL(settings.endpoint);
  const folder = url.pathname.replace(/\/$/, "");
  if (settings.forcePathStyle) {
    return { origin: url.origin, host: url.host, path: `${folder}/${settings.bucket}` };
  }
  url.hostname = `${settings.bucket}.${url.hostname}`;
  return { origin: url.origin, host: url.host, path: folder };
}
