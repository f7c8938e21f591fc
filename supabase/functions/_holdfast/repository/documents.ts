/** Putting the repository's small documents. */
import { HoldfastError } from "../config/errors.ts";
import { hexDigest } from "../lib/codecs/hex.ts";
import type { RepositoryStore } from "../destinations/store.ts";

const encoder = new TextEncoder();

/** The small ones: holdfast.json and the records of the log, of which many are read at once. */
export const MAX_RECORD_BYTES = 64 * 1024;

/** A snapshot.json: that of a project with 100,000 buckets comes to as much. */
export const MAX_SNAPSHOT_BYTES = 32 * 1024 * 1024;

/** Documents larger than this are refused when read: none that Holdfast writes comes near. */
export const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

/**
 * Puts a document. One that is there already with the same bytes is accepted, as a lost reply
 * leaves it; with other bytes it is left alone.
 * @returns whether the document in the repository is now this one.
 */
export async function putDocument(
  store: RepositoryStore,
  key: string,
  text: string,
): Promise<boolean> {
  const bytes = encoder.encode(text);
  const put = await store.put(key, bytes, {
    sha256: await hexDigest(bytes),
    contentType: "application/json",
  });
  if (put === "stored") return true;
  return sameBytes(await store.get(key, MAX_DOCUMENT_BYTES), bytes);
}

/**
 * The same, for a record of the log: looks whether one is there before it puts. A server may ignore
 * conditions, and its listings may not know the newest record yet; a read of the very key does.
 */
export async function putIfAbsent(
  store: RepositoryStore,
  key: string,
  text: string,
): Promise<boolean> {
  const there = await store.get(key, MAX_DOCUMENT_BYTES);
  return there === undefined
    ? await putDocument(store, key, text)
    : sameBytes(there, encoder.encode(text));
}

function sameBytes(there: Uint8Array | undefined, bytes: Uint8Array): boolean {
  return there !== undefined && there.length === bytes.length &&
    there.every((byte, index) => byte === bytes[index]);
}

/**
 * Puts a document that no one else may have written.
 * @throws HoldfastError `catalog_behind` where another one is there.
 */
export async function putOwnDocument(
  store: RepositoryStore,
  key: string,
  text: string,
): Promise<void> {
  if (await putDocument(store, key, text)) return;
  throw new HoldfastError("catalog_behind", `${key} was written by someone else`);
}
