/** Copying one object of up to one part: GET, SHA-256, PUT. */
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

/** Times that an object is looked for where it was moved to; what goes on moving is met by the next run. */
const MAX_MOVES = 5;
/** Copies of one version that may lie under further keys; more means that something is wrong. */
const MAX_COPIES = 9;

/** What copying needs of the outside. */
export interface CopyContext extends ReadContext, OutageContext {
  readonly store: RepositoryStore;
}

/** What copying an object came to; `possibleOutage`: its failure may be Storage's as a whole. */
export type CopyOutcome = BackupResult & { readonly possibleOutage?: PossibleOutage | undefined };

/** Requests that copying sent. */
export interface CopyRequests extends RequestCount {
  s3: number;
}

/**
 * Copies one object unless its bytes are held. One that was moved under the read is copied where it
 * is then. Undefined where it is gone: its name is then found missing like any other.
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
 * Where an object is now whose name is gone. That it is found missing there is not enough: it may never
 * have been held, and be where the scan has been.
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

/** Puts the bytes of one version under its key; no key is ever written with other bytes. */
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

/** Whether a key that was written before, by a run that died, holds these bytes. */
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
