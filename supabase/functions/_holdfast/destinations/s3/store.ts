/** The RepositoryStore for S3 servers. It sends signed requests with fetch. */
import { HoldfastError } from "../../config/errors.ts";
import type { Transport } from "../../lib/http/transport.ts";
import { unquoteEtag } from "../../lib/http/etag.ts";
import type { RepositorySettings } from "../../config/environment.ts";
import { hexDigest } from "../../lib/codecs/hex.ts";
import { parseS3Error } from "./errors.ts";
import { isListing, listQuery, parseKeys } from "./list.ts";
import { onlyIfAbsent, openS3Client, type S3Request } from "./request.ts";
import { createUploads } from "./uploads.ts";
import type { RepositoryStore } from "../store.ts";

/** Header with the SHA-256 (hex) of an object's bytes, which the writer states. */
const STATED_DIGEST = "x-amz-meta-sha256";

/** Reads after which a document counts as damaged. A single read may have been corrupted in transit. */
const MAX_READS = 3;

/** Makes the store for the bucket and prefix of the settings. It sends no request yet. */
export function createS3Store(
  settings: RepositorySettings,
  transport: Transport,
): RepositoryStore {
  const client = openS3Client(settings, transport);
  const { send, readText } = client;

  /** Sends a request; undefined if the key has no object. A missing bucket is an error instead. */
  async function found(asked: S3Request): Promise<Response | undefined> {
    const response = await send({ ...asked, expected: [404] });
    if (response.status !== 404) return response;
    const body = await readText(asked, response);
    const { code } = parseS3Error(body);
    if (code && code !== "NoSuchKey") throw client.refusal(asked, 404, body);
    return undefined;
  }

  /**
   * Whether PUTs are conditional. Some servers return 501 to a conditional PUT. The condition is only
   * a safeguard, as each key is written once.
   */
  let conditional = true;

  return {
    async get(key, maxBytes, { stated = false } = {}) {
      const asked: S3Request = { method: "GET", key, expected: [] };
      for (let reads = 1;; reads++) {
        const response = await found(asked);
        if (!response) return undefined;
        const bytes = await client.readBytes(asked, response, maxBytes);
        const digest = stated ? response.headers.get(STATED_DIGEST) : null;
        if (digest === null || digest === await hexDigest(bytes)) return bytes;
        if (reads >= MAX_READS) {
          throw new HoldfastError("repository_damaged", `${key} is not what was put there`);
        }
      }
    },
    open: (key) =>
      found({
        method: "GET",
        key,
        headers: { "accept-encoding": "identity" },
        streams: true,
        expected: [],
      }),
    async head(key) {
      const response = await found({ method: "HEAD", key, expected: [] });
      if (!response) return undefined;
      await response.body?.cancel();
      return {
        size: Number(response.headers.get("content-length")),
        etag: unquoteEtag(response.headers.get("etag")),
        sha256: response.headers.get(STATED_DIGEST) ?? undefined,
      };
    },
    async put(key, bytes, { sha256, contentType = "application/octet-stream" }) {
      const asked: S3Request = {
        method: "PUT",
        key,
        headers: { "content-type": contentType, [STATED_DIGEST]: sha256 },
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
      if (response.status === 501) throw client.refusal(asked, 501, "");
      return response.status === 412 ? "exists" : "stored";
    },
    async list(prefix, startAfter) {
      const below = (key: string) => `${settings.prefix}/${key}`;
      const asked: S3Request = {
        method: "GET",
        query: listQuery(below(prefix), startAfter === undefined ? undefined : below(startAfter)),
        expected: [],
      };
      const listing = await readText(asked, await send(asked));
      if (!isListing(listing)) throw notListed();
      const { keys, more } = parseKeys(listing);
      const ours = keys.filter((key) => key.startsWith(below("")));
      // A truncated page must end after its start. Otherwise the next page would be the same one, and
      // the listing would never end.
      const last = ours.at(-1);
      const advances = last !== undefined && (startAfter === undefined || last > below(startAfter));
      if (more && !advances) throw notListed();
      return { keys: ours.map((key) => key.slice(below("").length)), more };
    },
    ...createUploads(settings, client, transport.clock),
  };
}

/** The error for an invalid listing. As an empty log it would lead to wrong writes. */
function notListed(): HoldfastError {
  return new HoldfastError("repository_unreachable", "list: what was answered is no listing");
}
