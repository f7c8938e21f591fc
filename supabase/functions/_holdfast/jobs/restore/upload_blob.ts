/** Putting one entry's bytes into the target. */
import type { Clock } from "../../lib/clock/clock.ts";
import { HoldfastError } from "../../config/errors.ts";
import { releaseBuffer } from "../../lib/release_buffer.ts";
import type { Database } from "../../lib/database.ts";
import type { ObjectReader } from "../../project/storage_reader.ts";
import type { ObjectLocation, ObjectWriter, WriteOutcome } from "../../project/storage_writer.ts";
import { digestStream } from "../../repository/digest.ts";
import { hexDigest } from "../../lib/codecs/hex.ts";
import type { RepositoryStore } from "../../destinations/store.ts";
import type { HeldItem, RestoreItem } from "./types.ts";
import type { StorageHealthCheck } from "./health_probe.ts";

/** What a restore needs of the outside. */
export interface RestoreContext {
  readonly clock: Clock;
  readonly store: RepositoryStore;
  readonly reader: ObjectReader;
  readonly writer: ObjectWriter;
  /** Whether Storage takes and gives objects now: then what it does not is an object's own. */
  readonly storageIsHealthy: StorageHealthCheck;
  readonly database: Database;
  /**
   * Writes down that a version is about to be written over, so that an upload that comes late can be
   * told from a user's; false where another version is there by now. `keeps`: the row is to say
   * again what it says now.
   */
  readonly recordIntent: (location: ObjectLocation, over: OverwriteTarget) => Promise<boolean>;
  /** Leases of the cursor since its last commit, this one included. */
  readonly attempts: number;
}

/** What an upload goes over. */
export interface OverwriteTarget {
  readonly version: string;
  /** Whether its bytes are lost, and the catalog knows them: nothing is wrong with its row. */
  readonly keeps: boolean;
}

/** A blob up to this size goes in one piece through memory and is checked before it is sent. */
export const BUFFERED_BYTES = 8 * 1024 * 1024;
/** Reads of a blob until it is believed to be damaged: one may have been corrupted on its way. */
const MAX_READS = 3;

/**
 * Puts a blob under a name of the target, or over what is there. `mayWrite` is asked right before each
 * try: where it says no, nothing is sent, and the name counts as taken.
 */
export async function uploadBlob(
  item: HeldItem,
  location: ObjectLocation,
  upsert: boolean,
  outside: Pick<RestoreContext, "store" | "writer">,
  mayWrite: () => Promise<boolean> = () => Promise.resolve(true),
): Promise<WriteOutcome> {
  const { type, cache_control } = item.metadata;
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  const body = async () => {
    const sent = item.size > BUFFERED_BYTES
      ? await stream(item, outside)
      : bytes ??= await checkedBytes(item, outside);
    if (await mayWrite()) return sent;
    if (sent instanceof ReadableStream) await sent.cancel();
    return undefined;
  };
  try {
    const options = { contentType: type, cacheControl: cache_control, upsert };
    return await outside.writer.upload(location.bucket, location.name, body, options);
  } finally {
    if (bytes) releaseBuffer(bytes);
  }
}

/** The blob's bytes, held to their digest before anything is written. */
async function checkedBytes(
  item: HeldItem,
  { store }: Pick<RestoreContext, "store">,
): Promise<Uint8Array<ArrayBuffer>> {
  for (let reads = 1;; reads++) {
    try {
      return await readChecked(item, store);
    } catch (error) {
      const damaged = error instanceof HoldfastError && error.code === "repository_damaged";
      if (!damaged || reads >= MAX_READS) throw error;
    }
  }
}

async function readChecked(
  item: HeldItem,
  store: RepositoryStore,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await store.get(item.key, item.size);
  if (!bytes) throw new HoldfastError("repository_damaged", `${item.key} is not in the repository`);
  if (bytes.length !== item.size || await hexDigest(bytes) !== item.sha256) {
    throw new HoldfastError("repository_damaged", `${item.key} is not what was backed up`);
  }
  return bytes;
}

/**
 * Reads a blob that goes through no memory of ours, so that a damaged one is put over nothing.
 * @throws HoldfastError `repository_damaged`: it is not what was backed up
 */
export async function checkStreamed(
  item: HeldItem,
  outside: Pick<RestoreContext, "store">,
): Promise<void> {
  if (item.size <= BUFFERED_BYTES) return;
  const { size, sha256 } = await digestStream(await stream(item, outside), item);
  if (size !== item.size || sha256 !== item.sha256) {
    throw new HoldfastError("repository_damaged", `${item.key} is not what was backed up`);
  }
}

/** The blob as it comes: an untouched body keeps its Content-Length. Checked when read back. */
async function stream(
  item: HeldItem,
  { store }: Pick<RestoreContext, "store">,
): Promise<ReadableStream> {
  const response = await store.open(item.key);
  if (!response?.body) {
    throw new HoldfastError("repository_damaged", `${item.key} is not in the repository`);
  }
  return response.body;
}

/** Where an entry's object is to be. */
export function locationOf({ bucket_id, name }: RestoreItem): ObjectLocation {
  return { bucket: bucket_id, name };
}

/** What the target has under a name. */
export interface ObjectNow {
  readonly version: string;
  readonly size: number | null;
  readonly etag: string | null;
  readonly metadata: {
    readonly owner_id: string | null;
    readonly user_metadata: unknown;
    /** In its place where it is nested too deeply. */
    readonly user_metadata_text?: string;
  };
}

/** Whether a row says nothing of a user's, as an upload of ours leaves it. */
export function hasNoUserMetadata({ metadata }: ObjectNow): boolean {
  const { owner_id, user_metadata: said, user_metadata_text: text } = metadata;
  const isEmpty = said === null ||
    (typeof said === "object" && Object.keys(said).length === 0);
  return owner_id === null && isEmpty && text === undefined;
}

/** What the target has under a name now; undefined if it has nothing. */
export async function objectNow(
  location: ObjectLocation,
  { database }: RestoreContext,
): Promise<ObjectNow | undefined> {
  const row = await database.call<ObjectNow | null>("object_now", {
    bucket_id: location.bucket,
    name: location.name,
  });
  return row ?? undefined;
}

/** The version that the target has under a name now; undefined if it has none. */
export async function versionNow(
  location: ObjectLocation,
  outside: RestoreContext,
): Promise<string | undefined> {
  return (await objectNow(location, outside))?.version;
}
