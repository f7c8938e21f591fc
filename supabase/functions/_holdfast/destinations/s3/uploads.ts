/**
 * Multipart uploads as signed requests. The SDK does the same for 47 ms of an isolate's CPU and
 * 5 MB of its bundle, and on Deno 2.1.4 waits for ever where a connection ends without an answer.
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

/** How S3 calls an upload that is assembled. Radosgw leaves the ETag in it empty. */
const COMPLETED = "<CompleteMultipartUploadResult";

/** What a server answers about an upload that was completed, aborted, or lost a part. */
const MISSING: ReadonlySet<string> = new Set(["NoSuchUpload", "InvalidPart"]);

/** What is answered where the list of parts is not the one that was sent: it was in order, of parts that are there. */
const CORRUPTED_LIST_CODES: ReadonlySet<string> = new Set([
  "MalformedXML",
  "InvalidPartOrder",
  "InvalidPart",
]);

/** Times that a list of parts is sent until a server is believed that it is wrong. */
const MAX_COMPLETIONS = 3;

/** What a server answered, read to its end. */
interface Answer {
  readonly response: Response;
  readonly text: string;
  /** Of an error; else empty. */
  readonly code: string;
}

/** The multipart uploads of a store on one bucket and prefix. */
export function createUploads(
  { prefix }: RepositorySettings,
  client: S3Client,
  clock: Clock,
): Uploads {
  const { send, readText } = client;

  /** Sends the list of parts, and again where the answer may be of what became of it on its way. */
  async function sendCompletion(asked: S3Request): Promise<Answer> {
    let sent = onlyIfAbsent(asked);
    for (let sendings = 1;; sendings++) {
      const response = await send(sent);
      const text = await readText(asked, response);
      const { code } = parseS3Error(text);
      const unconditional = response.status === 501 && sent !== asked;
      const again = unconditional || (mayBeCorrupted(code) && sendings < MAX_COMPLETIONS);
      if (!again) return { response, text, code };
      // A server without conditions here: keys are written once all the same.
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
      // Assembling takes time: S3 says 200 before it begins, and in the body how it ended. Without
      // S3's own word what stands before a server would have what never was assembled count as held.
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
        // 403: a key that may put objects need not be allowed to list their parts.
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

/** Whether a list of parts may have been corrupted on its way. */
function mayBeCorrupted(code: string): boolean {
  return isChecksumMismatch(code) || CORRUPTED_LIST_CODES.has(code);
}

/** A success without what S3 says with it. */
function notOfS3({ action }: S3Request): HoldfastError {
  return new HoldfastError("repository_unreachable", `${action}: what was answered is not of S3`);
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

/** When a server answered, by its own clock where it says. */
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

/** The uploads of an answer to ListMultipartUploads without delimiter. */
function parseUploads(xml: string): { uploads: OpenUpload[]; more: boolean } {
  const uploads = xml.split("<Upload>").slice(1).flatMap((each) => {
    const [key, id, begun] = ["Key", "UploadId", "Initiated"].map((name) => element(each, name));
    if (key === undefined || id === undefined || begun === undefined) return [];
    return [{ key, id, begunAt: new Date(begun) }];
  });
  return { uploads, more: isTruncated(xml) };
}
