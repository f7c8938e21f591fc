/** Copies one object that fits into one part: GET, SHA-256, PUT. */
import { releaseBuffer } from "../../lib/release_buffer.ts";
import { hexDigest } from "../../lib/codecs/hex.ts";
import { dataKey } from "../../repository/keys.ts";
import type { RepositoryStore } from "../../destinations/store.ts";
import type { BackupItem, BackupResult, StoredBytes } from "../../transfer/types.ts";
import type { OutageContext } from "../../transfer/detect_outage.ts";
import {
  type PossibleOutage,
  type ReadContext,
  readObject,
  type RequestCount,
} from "../../transfer/read_object.ts";
import { isMultipart, partSizeFor } from "../../transfer/parts.ts";

/** Moves of an object that are followed in one run. After more, the object is left to the next run. */
const MAX_MOVES = 5;
/** Most keys of one version. More would mean that something is wrong with the repository. */
const MAX_COPIES = 9;

/** The dependencies of copying. */
export interface CopyContext extends ReadContext, OutageContext {
  readonly store: RepositoryStore;
}

/** The result of copying an object. `possibleOutage` is set if the failure may be an outage of Storage. */
export type CopyOutcome = BackupResult & { readonly possibleOutage?: PossibleOutage | undefined };

/** Counts the requests that copying sent. */
export interface CopyRequests extends RequestCount {
  /** Requests to the repository's S3 server. */
  s3: number;
}

/**
 * Copies one object, unless the repository already holds its bytes. If the object was moved during
 * the read, it is copied from its new name.
 *
 * @param requests is increased by the requests sent
 * @param moves moves that were followed so far
 * @returns the result; undefined if the object was deleted, which a later stage records
 * @throws HoldfastError `repository_…` if the repository refuses the bytes or can't be reached
 */
export async function copyObject(
  item: BackupItem,
  context: CopyContext,
  requests: CopyRequests,
  moves = 0,
): Promise<CopyOutcome | undefined> {
  if (item.blob) return item;
  if (isMultipart(item)) return await asUpload(item);
  const outcome = await readObject(item, context, requests);
  switch (outcome.kind) {
    case "missing": {
      const moved = moves < MAX_MOVES ? await findMovedObject(item, context) : null;
      return moved ? await copyObject(moved, context, requests, moves + 1) : undefined;
    }
    case "failure":
      return { ...outcome.item, failure: outcome.failure, possibleOutage: outcome.possibleOutage };
    case "changed":
      return await asUpload(outcome.item);
    case "read":
      try {
        return {
          ...outcome.item,
          stored: await storeBytes(outcome.item, outcome.bytes, context.store, requests),
        };
      } finally {
        releaseBuffer(outcome.bytes);
      }
  }
}

/**
 * Finds the current name of an object that has no row under its old name; null if it was deleted. The
 * new name may be in a range that the scan has already passed, so the scan may not find the object.
 */
export function findMovedObject(
  { object_id }: BackupItem,
  { database }: Pick<CopyContext, "database">,
): Promise<BackupItem | null> {
  return database.call<BackupItem | null>("find_object_by_id", { object_id });
}

async function asUpload(item: BackupItem): Promise<BackupResult> {
  const key = await dataKey(item.bucket_id, item.name, item.version);
  return { ...item, upload: { key, part_size: partSizeFor(item.size ?? 0) } };
}

/** Puts the bytes of one version under its key. If the key has other bytes, a further key is used. */
async function storeBytes(
  item: BackupItem,
  bytes: Uint8Array<ArrayBuffer>,
  store: RepositoryStore,
  requests: CopyRequests,
): Promise<StoredBytes> {
  const sha256 = await hexDigest(bytes);
  for (let copy = 1; copy <= MAX_COPIES; copy++) {
    const key = await dataKey(item.bucket_id, item.name, item.version, copy);
    requests.s3 += 1;
    if (
      await store.put(key, bytes, { sha256 }) === "stored" ||
      await holds(store, key, bytes, sha256, requests)
    ) {
      return { key, size: bytes.length, sha256, part_size: null };
    }
  }
  throw new Error(`${MAX_COPIES} other copies of this version are in the repository`);
}

/** Whether a key holds these bytes already, written by an earlier run that was not sealed. */
async function holds(
  store: RepositoryStore,
  key: string,
  bytes: Uint8Array<ArrayBuffer>,
  sha256: string,
  requests: CopyRequests,
): Promise<boolean> {
  requests.s3 += 1;
  const there = await store.head(key);
  if (!there || there.size !== bytes.length) return false;
  if (there.sha256 !== undefined) return there.sha256 === sha256;
  requests.s3 += 1;
  const held = await store.get(key, bytes.length);
  return held !== undefined && await hexDigest(held) === sha256;
}
