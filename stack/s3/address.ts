import { S3Error } from "./errors.ts";
import { decodeUri } from "./uri.ts";

/** Maximum length of a key in S3. */
const KEY_BYTES = 1024;

/** The bucket and key in a request's host and path; "" if absent. */
export interface S3Address {
  readonly bucket: string;
  readonly key: string;
}

/**
 * The bucket and key of a request: `/<bucket>/<key>`, or `<bucket>.localhost` with `/<key>`.
 *
 * @throws {S3Error} InvalidURI, KeyTooLongError
 */
export function parseAddress(host: string, path: string): S3Address {
  const [, virtual] = /^(.+)\.localhost(?::\d+)?$/.exec(host) ?? [];
  const decoded = decodeUri(path).slice(1);
  const slash = decoded.indexOf("/");
  const bucket = virtual ?? (slash < 0 ? decoded : decoded.slice(0, slash));
  const key = virtual === undefined ? (slash < 0 ? "" : decoded.slice(slash + 1)) : decoded;
  const keyBytes = new TextEncoder().encode(key).byteLength;
  if (keyBytes > KEY_BYTES) {
    throw new S3Error("KeyTooLongError", undefined, { Size: keyBytes, MaxSizeAllowed: KEY_BYTES });
  }
  return { bucket, key };
}
