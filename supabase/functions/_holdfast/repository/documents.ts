/** Writes the repository's small documents. */
import { HoldfastError } from "../config/errors.ts";
import { hexDigest } from "../lib/codecs/hex.ts";
import type { RepositoryStore } from "../destinations/store.ts";

const encoder = new TextEncoder();

/** Largest holdfast.json and log record in bytes. Many records are read at once. */
export const MAX_RECORD_BYTES = 64 * 1024;

/** Largest snapshot.json in bytes: the size for a project with 100,000 buckets. */
export const MAX_SNAPSHOT_BYTES = 32 * 1024 * 1024;

/** Largest document of any kind in bytes. Holdfast writes only much smaller ones. */
export const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

/**
 * Puts a document. An existing document is not overwritten. If it has the same bytes, it counts as
 * this one, because an earlier PUT may have succeeded without a response.
 *
 * @returns whether the repository now has this document
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
 * Puts a log record if its key is free. It reads the key before the PUT, because a server may ignore
 * conditional writes, and a listing may lack the newest record.
 *
 * @returns whether the repository now has this document
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
 * Puts a document whose key no other writer should use.
 *
 * @throws HoldfastError `catalog_behind` if the key has another document
 */
export async function putOwnDocument(
  store: RepositoryStore,
  key: string,
  text: string,
): Promise<void> {
  if (await putDocument(store, key, text)) return;
  throw new HoldfastError("catalog_behind", `${key} was written by someone else`);
}
