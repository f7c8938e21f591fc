/** Keys below the repository's prefix. docs/FORMAT.md is normative. */
import { hexDigest } from "../lib/codecs/hex.ts";

/** Digits of a sequence in a log key: as many as keep the keys in the order of the sequences. */
const SEQUENCE_DIGITS = 16;
/** S3 allows keys of 1,024 bytes; the prefix needs a share of them. */
const MAX_PLAIN_KEY_BYTES = 1_000;
/** The longest file name that common file systems take, for whoever syncs the bucket to a disk. */
const MAX_PLAIN_SEGMENT_BYTES = 250;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const encoder = new TextEncoder();

/** The repository's identity document. */
export const HOLDFAST_KEY = "holdfast.json";
/** The folder of log records. */
export const LOG_PREFIX = "log/";

/** The folder of objects' bytes. */
export const DATA_PREFIX = "data/";

/** Key of the log record of a sequence. */
export function logKey(sequence: number): string {
  return `${LOG_PREFIX}${String(sequence).padStart(SEQUENCE_DIGITS, "0")}.json`;
}

/** Sequence of a log record by its key; undefined for a key that is none. */
export function sequenceOfLogKey(key: string): number | undefined {
  const match = /^log\/(\d{16})\.json$/.exec(key);
  return match ? Number(match[1]) : undefined;
}

/** A snapshot's id from the time it is sealed (ISO 8601, UTC) and its sequence. */
export function snapshotId(sealedAt: string, sequence: number): string {
  return `${sealedAt.replace(/\.\d+/, "").replace(/[-:]/g, "")}-${sequence}`;
}

/** Key of a snapshot's document. */
export function snapshotKey(id: string): string {
  return `snapshots/${id}.json`;
}

/** Key of a part of a listing, named by the SHA-256 (hex) of its compressed bytes. */
export function listKey(sha256: string): string {
  return `lists/${sha256}.ndjson.gz`;
}

/**
 * Key for the bytes of a version: plain where it can be read as a path, else by digest. A further
 * copy of the same version (`copy` from 2) gets a suffix, for no key is ever written twice.
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

/** Bytes of a text in UTF-8; those of most names are their characters, which cost nothing to count. */
function utf8Length(text: string): number {
  return /^[ -~]*$/.test(text) ? text.length : encoder.encode(text).length;
}
