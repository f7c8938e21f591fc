/** Creates a repository, and probes whether its server supports conditional writes. */
import { HoldfastError } from "../config/errors.ts";
import type { Database } from "../lib/database.ts";
import { FORMAT_VERSION } from "../config/version.ts";
import { MAX_RECORD_BYTES, putDocument } from "./documents.ts";
import { formatDocument, type Identity } from "./formats.ts";
import { hexDigest } from "../lib/codecs/hex.ts";
import { HOLDFAST_KEY } from "./keys.ts";
import type { RepositoryLocation } from "./location.ts";
import type { RepositoryStore } from "../destinations/store.ts";

/**
 * The run that writes a document. The document has only values of the run, so that all workers write
 * the same bytes, and a delayed worker that overwrites it does no harm.
 */
export interface Writer {
  /** URL of the run's project. */
  readonly projectUrl: string;
  /** UUID of the run. */
  readonly run: string;
  /** When the run started, ISO 8601 in UTC. */
  readonly startedAt: string;
}

/**
 * Creates the repository. Its id is the id of the run.
 *
 * @returns whether the server supports conditional writes; null if unknown
 * @throws HoldfastError `catalog_ahead` if the catalog has a repository at this location already
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
      `the repository at ${location.bucket}/${location.prefix} was deleted`,
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
 * Probes whether the server supports conditional writes, with a PUT that the existing holdfast.json
 * must make fail.
 *
 * @returns whether the server refused the PUT; null if the probe could do harm
 */
export async function probeConditionalWrites(store: RepositoryStore): Promise<boolean | null> {
  const there = await store.get(HOLDFAST_KEY, MAX_RECORD_BYTES);
  const stated = (await store.head(HOLDFAST_KEY))?.sha256;
  // A server that ignores conditions stores these bytes. If the read corrupted them, the probe would
  // damage the document.
  if (!there || await hexDigest(there) !== stated) return null;
  return await refusesAgain(store, there);
}

/** Puts the existing bytes again, which does no harm on a server that ignores the condition. */
async function refusesAgain(
  store: RepositoryStore,
  there: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const sha256 = await hexDigest(there);
  return await store.put(HOLDFAST_KEY, there, { sha256, contentType: "application/json" }) ===
    "exists";
}
