/**
 * Multipart uploads as signed requests. The AWS SDK costs an isolate 47 ms of CPU and its bundle 5 MB
 * for the same. On Deno 2.1.4 it also waits forever if a connection ends without a response.
 */
import type { Clock } from "../../lib/clock/clock.ts";
import { HoldfastError } from "../../config/errors.ts";
import type { RepositorySettings } from "../../config/environment.ts";
import { hexDigest } from "../../lib/codecs/hex.ts";
import { isChecksumMismatch, parseS3Error } from "./errors.ts";
import { isTruncated } from "./list.ts";
import { onlyIfAbsent, type S3Client, type S3Request } from "./request.ts";
import { element, encodeText } from "./xml.ts";
import { encodeParameter } from "./sigv4.ts";
import type { OpenUpload, RepositoryStore, UploadedPart } from "../store.ts";

type Uploads = Pick<
  RepositoryStore,
  | "beginUpload"
  | "putPart"
  | "completeUpload"
  | "hasUpload"
  | "abortUpload"
  | "listUploads"
>;

/** Element of a response to a completed upload. radosgw sends it with an empty ETag. */
const COMPLETED = "<CompleteMultipartUploadResult";

/** Codes for an upload that was completed or aborted, or that lacks a part. */
const MISSING: ReadonlySet<string> = new Set(["NoSuchUpload", "InvalidPart"]);

/**
 * Codes for a wrong list of parts. The list was correct when it was sent, so it may have been
 * corrupted in transit.
 */
const CORRUPTED_LIST_CODES: ReadonlySet<string> = new Set([
  "MalformedXML",
  "InvalidPartOrder",
  "InvalidPart",
]);

/** Tries after which the server's verdict on the list of parts is accepted. */
const MAX_COMPLETIONS = 3;

/** A response that was read completely. */
interface Answer {
  readonly response: Response;
  readonly text: string;
  /** Error code; empty for a success. */
  readonly code: string;
}

/** Makes the methods of a store that handle multipart uploads. */
export function createUploads(
  { prefix }: RepositorySettings,
  client: S3Client,
  clock: Clock,
): Uploads {
  const { send, readText } = client;

  /** Sends the list of parts, and retries if the list may have been corrupted in transit. */
  async function sendCompletion(asked: S3Request): Promise<Answer> {
    let sent = onlyIfAbsent(asked);
    for (let sendings = 1;; sendings++) {
      const response = await send(sent);
      const text = await readText(asked, response);
      const { code } = parseS3Error(text);
      const unconditional = response.status === 501 && sent !== asked;
      const again = unconditional || (mayBeCorrupted(code) && sendings < MAX_COMPLETIONS);
      if (!again) return { response, text, code };
      // The server does not support a condition here. It is only a safeguard, as each key is written
      // once.
      if (unconditional) sent = asked;
    }
  }

  return {
    async beginUpload(key, contentType) {
      const asked: S3Request = {
        method: "POST",
        key,
        query: "uploads=",
        headers: { "content-type": contentType },
        expected: [],
        action: `begin an upload of ${key}`,
      };
      const id = element(await readText(asked, await send(asked)), "UploadId");
      if (!id) throw notOfS3(asked);
      return id;
    },
    async putPart(key, uploadId, number, bytes, sha256) {
      const response = await send({
        method: "PUT",
        key,
        query: `partNumber=${number}&${uploadQuery(uploadId)}`,
        body: bytes,
        sha256,
        expected: [404],
      });
      await response.body?.cancel();
      return response.status === 404 ? undefined : response.headers.get("etag") ?? "";
    },
    async completeUpload(key, uploadId, parts) {
      const body = completion(parts);
      const asked: S3Request = {
        method: "POST",
        key,
        query: uploadQuery(uploadId),
        headers: { "content-type": "application/xml" },
        body,
        sha256: await hexDigest(body),
        expected: [400, 404, 412, 501],
        action: `complete the upload of ${key}`,
      };
      const { response, text, code } = await sendCompletion(asked);
      // S3 sends status 200 before it assembles the parts, and the result in the body. A success must
      // have S3's element, because a proxy's 200 would make a missing object count as stored.
      if (response.ok && text.includes(COMPLETED)) return "stored";
      if (response.ok && !text.includes("<Error>")) throw notOfS3(asked);
      if (response.status === 412 || code === "PreconditionFailed") return "exists";
      if (MISSING.has(code)) return "missing";
      throw client.refusal(asked, response.ok ? 503 : response.status, text);
    },
    async hasUpload(key, uploadId) {
      const response = await send({
        method: "GET",
        key,
        query: `max-parts=1&${uploadQuery(uploadId)}`,
        // 403: the access key may lack the right to list parts.
        expected: [403, 404],
      });
      await response.body?.cancel();
      return response.status !== 404;
    },
    async abortUpload(key, uploadId) {
      const response = await send({
        method: "DELETE",
        key,
        query: uploadQuery(uploadId),
        expected: [404],
        action: `abort the upload of ${key}`,
      });
      await response.body?.cancel();
    },
    async listUploads(below, after) {
      const asked: S3Request = {
        method: "GET",
        query: uploadsQuery(`${prefix}/${below}`, after && `${prefix}/${after.key}`, after?.id),
        expected: [],
        action: "list uploads",
      };
      const response = await send(asked);
      const listed = parseUploads(await readText(asked, response));
      const ours = listed.uploads.filter(({ key }) => key.startsWith(`${prefix}/${below}`));
      return {
        uploads: ours.map((upload) => ({ ...upload, key: upload.key.slice(prefix.length + 1) })),
        more: listed.more && ours.length > 0,
        now: dateOf(response, clock),
      };
    },
  };
}

/** Whether an error code may mean that the list of parts was corrupted in transit. */
function mayBeCorrupted(code: string): boolean {
  return isChecksumMismatch(code) || CORRUPTED_LIST_CODES.has(code);
}

/** The error for a success that the S3 server did not send itself. */
function notOfS3({ action }: S3Request): HoldfastError {
  return new HoldfastError("repository_unreachable", `${action}: the response is not one of S3`);
}

function uploadQuery(id: string): string {
  return `uploadId=${encodeParameter(id)}`;
}

function uploadsQuery(prefix: string, key?: string, id?: string): string {
  const marker = (name: string, value: string | undefined) =>
    value === undefined ? "" : `${name}=${encodeParameter(value)}&`;
  return `${marker("key-marker", key)}prefix=${encodeParameter(prefix)}&` +
    `${marker("upload-id-marker", id)}uploads=`;
}

/** Time of a response by the server's clock, or by this machine's if the response has no date. */
function dateOf({ headers }: Response, clock: Clock): Date {
  const stated = headers.get("date");
  return stated === null ? clock.date() : new Date(stated);
}

/** The body of CompleteMultipartUpload. */
function completion(parts: readonly UploadedPart[]): Uint8Array<ArrayBuffer> {
  const listed = parts.map(({ number, etag }) =>
    `<Part><PartNumber>${number}</PartNumber><ETag>${encodeText(etag)}</ETag></Part>`
  );
  return new TextEncoder().encode(
    `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${
      listed.join("")
    }</CompleteMultipartUpload>`,
  );
}

/** Parses the uploads of a response to ListMultipartUploads without delimiter. */
function parseUploads(xml: string): { uploads: OpenUpload[]; more: boolean } {
  const uploads = xml.split("<Upload>").slice(1).flatMap((each) => {
    const [key, id, begun] = ["Key", "UploadId", "Initiated"].map((name) => element(each, name));
    if (key === undefined || id === undefined || begun === undefined) return [];
    return [{ key, id, begunAt: new Date(begun) }];
  });
  return { uploads, more: isTruncated(xml) };
}
