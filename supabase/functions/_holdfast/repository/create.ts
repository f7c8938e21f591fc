/** Making a repository, and learning whether its server honours conditional writes. */
import { HoldfastError } from "../config/errors.ts";
import type { Database } from "../lib/database.ts";
import { FORMAT_VERSION } from "../config/version.ts";
import { MAX_RECORD_BYTES, putDocument } from "./documents.ts";
import { formatDocument, type Identity } from "./formats.ts";
import { hexDigest } from "../lib/codecs/hex.ts";
import { HOLDFAST_KEY } from "./keys.ts";
import type { RepositoryLocation } from "./location.ts";
import type { RepositoryStore } from "../destinations/store.ts";

/** The run that writes, of which all workers write the same: one may sleep and write over the other. */
export interface Writer {
  readonly projectUrl: string;
  /** UUID. */
  readonly run: string;
  /** UTC, ISO 8601. */
  readonly startedAt: string;
}

/**
 * Makes the repository, under the id of the run that makes it; whether the server then refused to write it again, null if unknown.
 * @throws HoldfastError `catalog_ahead`: there was one at this place
 */
export async function createRepository(
  store: RepositoryStore,
  database: Database,
  location: RepositoryLocation,
  { run, startedAt }: Writer,
): Promise<boolean | null> {
  if (await database.call<string | null>("repository_at", location) !== null) {
    throw new HoldfastError(
      "catalog_ahead",
      `the repository that was at ${location.bucket}/${location.prefix} is gone`,
    );
  }
  const identity: Identity = {
    format: FORMAT_VERSION,
    repository_id: run,
    created_at: startedAt,
    requires: [],
  };
  const text = formatDocument(identity);
  if (!await putDocument(store, HOLDFAST_KEY, text)) return await probeConditionalWrites(store);
  return await refusesAgain(store, new TextEncoder().encode(text));
}

/**
 * Probes, on a document that is there, whether a conditional PUT is refused; null where that can't
 * be tried without harm.
 */
export async function probeConditionalWrites(store: RepositoryStore): Promise<boolean | null> {
  const there = await store.get(HOLDFAST_KEY, MAX_RECORD_BYTES);
  const stated = (await store.head(HOLDFAST_KEY))?.sha256;
  // What was corrupted on its way here would take the document's place where conditions are ignored.
  if (!there || await hexDigest(there) !== stated) return null;
  return await refusesAgain(store, there);
}

/** Puts what is there: the same bytes, so that a server that ignores the condition does no harm. */
async function refusesAgain(
  store: RepositoryStore,
  there: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const sha256 = await hexDigest(there);
  return await store.put(HOLDFAST_KEY, there, { sha256, contentType: "application/json" }) ===
    "exists";
}
