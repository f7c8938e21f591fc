/** Keys of the repository, relative to its prefix. docs/FORMAT.md is normative. */
import { hexDigest } from "../lib/codecs/hex.ts";

/** Digits of a sequence in a log key. The fixed length makes the keys sort by sequence. */
const SEQUENCE_DIGITS = 16;
/** Longest plain key. S3 allows keys of 1,024 bytes, and the prefix is a part of them. */
const MAX_PLAIN_KEY_BYTES = 1_000;
/** Longest segment of a plain key, so that common file systems can hold a copy of the bucket. */
const MAX_PLAIN_SEGMENT_BYTES = 250;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const encoder = new TextEncoder();

/** Key of the repository's identity document. */
export const HOLDFAST_KEY = "holdfast.json";
/** Prefix of log records. */
export const LOG_PREFIX = "log/";

/** Prefix of objects' bytes. */
export const DATA_PREFIX = "data/";

/** Key of the log record with a sequence number. */
export function logKey(sequence: number): string {
  return `${LOG_PREFIX}${String(sequence).padStart(SEQUENCE_DIGITS, "0")}.json`;
}

/** Sequence number in the key of a log record; undefined for any other key. */
export function sequenceOfLogKey(key: string): number | undefined {
  const match = /^log\/(\d{16})\.json$/.exec(key);
  return match ? Number(match[1]) : undefined;
}

/**
 * Makes a snapshot's id.
 *
 * @param sealedAt time of sealing, ISO 8601 in UTC
 * @param sequence sequence number of its log record
 */
export function snapshotId(sealedAt: string, sequence: number): string {
  return `${sealedAt.replace(/\.\d+/, "").replace(/[-:]/g, "")}-${sequence}`;
}

/** Key of a snapshot's document, by the snapshot's id. */
export function snapshotKey(id: string): string {
  return `snapshots/${id}.json`;
}

/** Key of a part of a listing, by the SHA-256 (hex) of its compressed bytes. */
export function listKey(sha256: string): string {
  return `lists/${sha256}.ndjson.gz`;
}

/**
 * Key for the bytes of an object's version. It is the plain path if that is a valid key and file
 * name, else a digest of the path.
 *
 * @param copy number of the copy of this version. From 2 on the key gets a suffix, because a key is
 * never overwritten
 */
export async function dataKey(
  bucket: string,
  name: string,
  version: string,
  copy = 1,
): Promise<string> {
  const plain = `${DATA_PREFIX}${bucket}/${name}/${version}`;
  const key = isPlain(bucket, name, version, plain)
    ? plain
    : `${DATA_PREFIX}~/${await hexDigest(encoder.encode(`${bucket}\0${name}\0${version}`))}`;
  return copy === 1 ? key : `${key}~${copy}`;
}

function isPlain(bucket: string, name: string, version: string, key: string): boolean {
  return UUID.test(version) && !bucket.includes("/") && bucket !== "~" && key.isWellFormed() &&
    utf8Length(key) <= MAX_PLAIN_KEY_BYTES &&
    [bucket, ...name.split("/")].every((segment) =>
      segment !== "" && segment !== "." && segment !== ".." &&
      utf8Length(segment) <= MAX_PLAIN_SEGMENT_BYTES
    );
}

/** Bytes of a text in UTF-8. Most names are ASCII, whose length needs no encoding. */
function utf8Length(text: string): number {
  return /^[ -~]*$/.test(text) ? text.length : encoder.encode(text).length;
}
