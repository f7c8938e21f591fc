/** Uploads the bytes of one entry to the target. */
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

/** The dependencies of a restore. */
export interface RestoreContext {
  readonly clock: Clock;
  readonly store: RepositoryStore;
  readonly reader: ObjectReader;
  readonly writer: ObjectWriter;
  /** Whether Storage is healthy now. If it is, a failure is the object's own. */
  readonly storageIsHealthy: StorageHealthCheck;
  readonly database: Database;
  /**
   * Records the intent to overwrite a version (write-ahead), so that a delayed upload of this run is
   * not mistaken for a user's. Returns false if the target has another version now.
   */
  readonly recordIntent: (location: ObjectLocation, over: OverwriteTarget) => Promise<boolean>;
  /** Leases of the cursor since its last commit, this one included. */
  readonly attempts: number;
}

/** The version that an upload overwrites. */
export interface OverwriteTarget {
  readonly version: string;
  /** Whether the row's present metadata must be restored afterwards, because only its bytes are lost. */
  readonly keeps: boolean;
}

/** Largest blob that is buffered in memory and verified before it is sent. Larger ones are streamed. */
export const BUFFERED_BYTES = 8 * 1024 * 1024;
/** Reads after which a blob counts as damaged. A single read may have been corrupted in transit. */
const MAX_READS = 3;

/**
 * Uploads a blob to a name of the target.
 *
 * @param upsert whether an existing object is overwritten
 * @param mayWrite is called before each try; if it returns false, nothing is sent and the outcome is
 * `exists`
 * @throws HoldfastError `repository_damaged` if the blob is not what was backed up;
 * `storage_unreachable` or `storage_key_refused`
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

/** Reads a blob and verifies its digest before anything is written. */
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
 * Reads and verifies a blob that will be streamed, so that a damaged blob overwrites nothing. A blob
 * that will be buffered is not read.
 *
 * @throws HoldfastError `repository_damaged` if the blob is not what was backed up
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

/** Opens a blob as a stream. An unmodified body keeps its Content-Length. It is verified when read back. */
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

/** The bucket and name of an entry's object in the target. */
export function locationOf({ bucket_id, name }: RestoreItem): ObjectLocation {
  return { bucket: bucket_id, name };
}

/** The row of an object of the target. */
export interface ObjectNow {
  readonly version: string;
  /** Bytes; null if the row has no size. */
  readonly size: number | null;
  /** Null if the row has no etag. */
  readonly etag: string | null;
  readonly metadata: {
    readonly owner_id: string | null;
    readonly user_metadata: unknown;
    /** JSON text that replaces `user_metadata` if that is nested too deeply. */
    readonly user_metadata_text?: string;
  };
}

/** Whether a row has no owner and no user metadata, as after an upload by Holdfast. */
export function hasNoUserMetadata({ metadata }: ObjectNow): boolean {
  const { owner_id, user_metadata, user_metadata_text: text } = metadata;
  const isEmpty = user_metadata === null ||
    (typeof user_metadata === "object" && Object.keys(user_metadata).length === 0);
  return owner_id === null && isEmpty && text === undefined;
}

/** Reads the row of a name in the target; undefined if there is none. */
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

/** Reads the version of a name in the target; undefined if there is none. */
export async function versionNow(
  location: ObjectLocation,
  outside: RestoreContext,
): Promise<string | undefined> {
  return (await objectNow(location, outside))?.version;
}
