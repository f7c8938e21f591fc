/** A RepositoryStore on any S3 server. GET, PUT and parts go by fetch with a light signer. */
import { HoldfastError, messageOf } from "../errors.ts";
import { backoffMs, delay } from "../engine/retry.ts";
import { bareEtag, retryAfter } from "../project/storage.ts";
import type { RepositorySettings } from "../settings.ts";
import { createHideKey, mayPass, parseS3Error, s3Error } from "./s3_errors.ts";
import { listQuery, parseKeys } from "./s3_list.ts";
import { createSigner, encodeKey, encodeParameter } from "./sigv4.ts";
import type { RepositoryStore } from "./store.ts";

const REQUEST_TIMEOUT_MS = 60_000;
const MAX_TRIES = 4;
/** Digest of no bytes, which GET and HEAD are signed with. */
const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT";
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
}

/**
 * Opens a bucket and prefix. `request` is the door that every fetch of the hot path goes through.
 * Nothing is asked of the server yet.
 */
export function createS3Store(
  settings: RepositorySettings,
  request: typeof fetch = fetch,
): RepositoryStore {
  const base = place(settings);
  const sign = createSigner(settings);
  const hideKey = createHideKey(settings);

  async function readRefusal(response: Response): Promise<{ code: string; message: string }> {
    const { code, message } = parseS3Error(await response.text());
    // Not in the code: a key's id may be a word of it.
    return { code, message: hideKey(message) };
  }

  function sendOnce(asked: S3Request): Promise<Response> {
    const path = asked.key === undefined
      ? base.path || "/"
      : `${base.path}/${encodeKey(`${settings.prefix}/${asked.key}`)}`;
    const query = asked.query ?? "";
    const headers = sign({
      method: asked.method,
      host: base.host,
      path,
      query,
      headers: asked.headers ?? {},
      payloadSha256: asked.sha256 ?? EMPTY_SHA256,
    }, new Date());
    return request(`${base.origin}${path}${query && `?${query}`}`, {
      method: asked.method,
      headers: { ...asked.headers, ...headers },
      redirect: "manual",
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      ...(asked.body ? { body: asked.body } : {}),
    });
  }

  /** Sends until it is answered for good; what may pass is tried again. */
  async function send(asked: S3Request): Promise<Response> {
    const action = asked.key === undefined ? "list" : `${asked.method} ${asked.key}`;
    for (let attempt = 1;; attempt++) {
      let failure: HoldfastError;
      let retryAfterMs: number | undefined;
      try {
        const response = await sendOnce(asked);
        if (response.ok || asked.expected.includes(response.status)) return response;
        const { code, message } = await readRefusal(response);
        failure = s3Error(action, response.status, code, message);
        if (!mayPass(response.status, code)) throw failure;
        retryAfterMs = retryAfter(response);
      } catch (error) {
        if (error instanceof HoldfastError) throw error;
        failure = new HoldfastError("repository_unreachable", `${action}: ${messageOf(error)}`, {
          cause: error,
        });
      }
      if (attempt >= MAX_TRIES) throw failure;
      await delay(backoffMs(attempt, retryAfterMs));
    }
  }

  /** A 404 of a key is an answer; a 404 of the whole bucket is an error. */
  async function found(asked: S3Request): Promise<Response | undefined> {
    const response = await send({ ...asked, expected: [404] });
    if (response.status !== 404) return response;
    const { code, message } = await readRefusal(response);
    if (code && code !== "NoSuchKey") {
      throw s3Error(`${asked.method} ${asked.key}`, 404, code, message);
    }
    return undefined;
  }

  /** Some servers answer 501 to a conditional PUT; keys are written once all the same. */
  let conditional = true;

  let rare: Promise<ReturnType<typeof import("./s3_sdk.ts").createRareOperations>> | undefined;
  const rareOperations = () =>
    rare ??= import("./s3_sdk.ts").then((module) => module.createRareOperations(settings));

  return {
    async get(key, maxBytes) {
      const response = await found({ method: "GET", key, expected: [] });
      if (!response) return undefined;
      const length = Number(response.headers.get("content-length") ?? "0");
      if (length > maxBytes) {
        await response.body?.cancel();
        throw tooLarge(key, maxBytes);
      }
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (bytes.length > maxBytes) throw tooLarge(key, maxBytes);
      return bytes;
    },
    open: (key) =>
      found({ method: "GET", key, headers: { "accept-encoding": "identity" }, expected: [] }),
    async head(key) {
      const response = await found({ method: "HEAD", key, expected: [] });
      if (!response) return undefined;
      await response.body?.cancel();
      return {
        size: Number(response.headers.get("content-length")),
        etag: bareEtag(response.headers.get("etag")),
        sha256: response.headers.get("x-amz-meta-sha256") ?? undefined,
      };
    },
    async put(key, bytes, { sha256, contentType = "application/octet-stream" }) {
      const asked: S3Request = {
        method: "PUT",
        key,
        headers: { "content-type": contentType, "x-amz-meta-sha256": sha256 },
        body: bytes,
        sha256,
        expected: [412, 501],
      };
      let response = await send(conditional ? onlyIfAbsent(asked) : asked);
      await response.body?.cancel();
      if (response.status === 501 && conditional) {
        conditional = false;
        response = await send(asked);
        await response.body?.cancel();
      }
      if (response.status === 501) throw s3Error(`PUT ${key}`, 501, "NotImplemented", "");
      return response.status === 412 ? "exists" : "stored";
    },
    async putPart(key, uploadId, number, bytes, sha256) {
      const response = await send({
        method: "PUT",
        key,
        query: `partNumber=${number}&uploadId=${encodeParameter(uploadId)}`,
        body: bytes,
        sha256,
        expected: [404],
      });
      await response.body?.cancel();
      return response.status === 404 ? undefined : response.headers.get("etag") ?? "";
    },
    async list(prefix, startAfter) {
      const below = (key: string) => `${settings.prefix}/${key}`;
      const response = await send({
        method: "GET",
        query: listQuery(below(prefix), startAfter === undefined ? undefined : below(startAfter)),
        expected: [],
      });
      const { keys, more } = parseKeys(await response.text());
      const ours = keys.filter((key) => key.startsWith(below("")));
      return {
        keys: ours.map((key) => key.slice(below("").length)),
        more: more && ours.length > 0,
      };
    },
    beginUpload: async (key, contentType) => (await rareOperations()).beginUpload(key, contentType),
    completeUpload: async (key, uploadId, parts) =>
      (await rareOperations()).completeUpload(key, uploadId, parts),
    async hasUpload(key, uploadId) {
      const response = await send({
        method: "GET",
        key,
        query: `max-parts=1&uploadId=${encodeParameter(uploadId)}`,
        // 403: a key that may put objects need not be allowed to list their parts.
        expected: [403, 404],
      });
      await response.body?.cancel();
      return response.status !== 404;
    },
    abortUpload: async (key, uploadId) => (await rareOperations()).abortUpload(key, uploadId),
  };
}

function onlyIfAbsent(asked: S3Request): S3Request {
  return { ...asked, headers: { ...asked.headers, "if-none-match": "*" } };
}

/** Where requests go: the bucket in the path or in the host name. */
function place(settings: RepositorySettings): { origin: string; host: string; path: string } {
  const url = new URL(settings.endpoint);
  const folder = url.pathname.replace(/\/$/, "");
  if (settings.forcePathStyle) {
    return { origin: url.origin, host: url.host, path: `${folder}/${settings.bucket}` };
  }
  url.hostname = `${settings.bucket}.${url.hostname}`;
  return { origin: url.origin, host: url.host, path: folder };
}

function tooLarge(key: string, maxBytes: number): HoldfastError {
  return new HoldfastError("repository_damaged", `${key} is larger than ${maxBytes} bytes`);
}
