/** Restores an entry whose name is free in the target: by an upload to its name, or by a move. */
import { HoldfastError } from "../../config/errors.ts";
import type { ObjectLocation, WriteOutcome } from "../../project/storage_writer.ts";
import { hexDigest } from "../../lib/codecs/hex.ts";
import type { HeldItem, Overwrite, RestoreItem, RestoreResult } from "./types.ts";
import {
  BUFFERED_BYTES,
  hasNoUserMetadata,
  locationOf,
  type ObjectNow,
  objectNow,
  type RestoreContext,
  uploadBlob,
  versionNow,
} from "./upload_blob.ts";
import { compareAgain } from "../../transfer/read_back.ts";
import { differs, kept, metadataKept, refused, result, TAKEN_MEANWHILE } from "./outcomes.ts";

/** How the objects of a bucket are written. */
export interface BucketPlan {
  readonly overwrite: Overwrite;
  /** Name of the scratch bucket, for objects that can't be uploaded to their own name. */
  readonly scratch: string;
  /** Whether an object may be uploaded to its own name. */
  readonly direct: (item: RestoreItem) => boolean;
}

/** Most uploads of an object to the scratch bucket, until its bytes read back correctly. */
const MAX_PUTS = 2;

/**
 * Restores an entry whose name is free in the target.
 *
 * @returns what was done, with the failure if there is one
 * @throws HoldfastError if the cause is not this entry, such as `storage_unreachable`
 */
export async function create(
  item: HeldItem,
  plan: BucketPlan,
  outside: RestoreContext,
): Promise<RestoreResult> {
  // Storage lets two uploads to a new name both succeed, and the delayed upload of a crashed slice may
  // still arrive. A large blob is streamed, so it can be verified only after it was read back.
  return plan.direct(item) && !item.reassigned && item.size <= BUFFERED_BYTES
    ? await createInPlace(item, plan, outside)
    : await createByMove(item, locationOf(item), plan, outside);
}

/** Uploads an object to its own name, in a bucket that this restore has created. */
async function createInPlace(
  item: HeldItem,
  { overwrite }: BucketPlan,
  outside: RestoreContext,
): Promise<RestoreResult> {
  const location = locationOf(item);
  const outcome = await uploadBlob(item, location, false, outside);
  if (!await wasWritten(item, location, outcome, outside)) return refused(item, outcome);
  const there = await objectNow(location, outside);
  // After a try without a response, only the row shows whether a user wrote the object.
  return outcome.kind !== "done" && there && !hasNoUserMetadata(there)
    ? await keepExisting(item, overwrite, outside)
    : await readBack(item, there, outside);
}

/** Keeps an object that a user wrote meanwhile. Its bytes may still equal the blob. */
async function keepExisting(
  item: HeldItem,
  overwrite: Overwrite,
  outside: RestoreContext,
): Promise<RestoreResult> {
  const compared = await compareAgain(item, locationOf(item), outside);
  return compared === "same"
    ? metadataKept(item, ["objects_already_right", "objects_verified"], overwrite)
    : kept(item, TAKEN_MEANWHILE);
}

/**
 * Reads an object back and compares it with the blob.
 *
 * @param put the row as read before: a later version is another writer's and is not patched
 * @param counts further counters to increase
 */
export async function readBack(
  item: HeldItem,
  put: ObjectNow | undefined,
  outside: RestoreContext,
  counts: readonly string[] = [],
): Promise<RestoreResult> {
  const compared = await compareAgain(item, locationOf(item), outside);
  if (compared !== "same") return differs(item, compared);
  return result(item, ["objects_restored", "objects_verified", ...counts], put);
}

/** Restores via the scratch bucket. A move ignores limits and never overwrites an existing name. */
async function createByMove(
  item: HeldItem,
  location: ObjectLocation,
  plan: BucketPlan,
  outside: RestoreContext,
): Promise<RestoreResult> {
  const scratch = {
    bucket: plan.scratch,
    name: await hexDigest(new TextEncoder().encode(`${item.bucket_id}\0${item.name}`)),
  };
  for (let puts = 1;; puts++) {
    const uploaded = await uploadBlob(item, scratch, true, outside);
    if (uploaded.kind !== "done") return refused(item, uploaded);
    const compared = await compareAgain(item, scratch, outside);
    if (compared === "same") break;
    if (compared !== "different" || puts >= MAX_PUTS) return differs(item, compared);
  }
  const put = await objectNow(scratch, outside);
  const moved = await outside.writer.move(scratch, location);
  if (!await wasWritten(item, location, moved, outside)) return refused(item, moved);
  const there = await objectNow(location, outside);
  if (there === undefined) {
    // A proxy may have sent the response. A later slice finds the object or moves it again.
    throw new HoldfastError("storage_unreachable", "a move was answered and nothing was moved");
  }
  if (!hasNoUserMetadata(there) && !(put && haveSameUserMetadata(put, there))) {
    return await keepExisting(item, plan.overwrite, outside);
  }
  if (!areSameBytes(put, there)) {
    // A user may have overwritten the name. The catalog must not record those bytes as the blob.
    const compared = await compareAgain(item, location, outside);
    if (compared === "different") return kept(item, TAKEN_MEANWHILE);
    if (compared !== "same") return differs(item, compared);
  }
  return result(item, ["objects_restored", "objects_verified"], there);
}

/**
 * Whether two rows have the same owner and user metadata. They may be set although no user wrote
 * them, because a trigger of the project can fill them in.
 */
function haveSameUserMetadata(
  { metadata: one }: ObjectNow,
  { metadata: other }: ObjectNow,
): boolean {
  const text = ({ owner_id, user_metadata, user_metadata_text }: ObjectNow["metadata"]) =>
    JSON.stringify([owner_id, user_metadata, user_metadata_text]);
  return text(one) === text(other);
}

/** Whether the rows prove equal bytes. They do not if an etag is missing or a move has changed it. */
function areSameBytes(one: ObjectNow | undefined, other: ObjectNow): boolean {
  return one !== undefined && one.etag !== null && one.etag === other.etag &&
    one.size === other.size;
}

/**
 * Whether a write was done. A refusal may be the response to a retry of a write that succeeded: a
 * request without a response is sent again, by Holdfast and by Deno's fetch when a connection that
 * was kept open closes. Therefore the bytes decide.
 */
async function wasWritten(
  item: HeldItem,
  location: ObjectLocation,
  outcome: WriteOutcome,
  outside: RestoreContext,
): Promise<boolean> {
  if (outcome.kind === "done") return true;
  return await versionNow(location, outside) !== undefined &&
    await compareAgain(item, location, outside) === "same";
}
