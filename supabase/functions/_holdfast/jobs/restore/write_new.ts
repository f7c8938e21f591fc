/** Restoring an entry of which the target has nothing: straight to its place, or by move. */
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

/** How a bucket's objects are put. */
export interface BucketPlan {
  readonly overwrite: Overwrite;
  /** Private bucket that objects go through where they can't go straight to their place. */
  readonly scratch: string;
  /** Whether an object may be put straight to its place. */
  readonly direct: (item: RestoreItem) => boolean;
}

/** Times that an object is put into the scratch bucket until it reads back as it was backed up. */
const MAX_PUTS = 2;

/** The target has nothing under this name. */
export async function create(
  item: HeldItem,
  plan: BucketPlan,
  outside: RestoreContext,
): Promise<RestoreResult> {
  // Storage lets two uploads to a new name both succeed: that of a slice that fell may still come.
  // One that goes through no memory of ours is known to be right when it has been read back.
  return plan.direct(item) && !item.reassigned && item.size <= BUFFERED_BYTES
    ? await createInPlace(item, plan, outside)
    : await createByMove(item, locationOf(item), plan, outside);
}

/** Straight to its place, in a bucket that this restore has made. */
async function createInPlace(
  item: HeldItem,
  { overwrite }: BucketPlan,
  outside: RestoreContext,
): Promise<RestoreResult> {
  const location = locationOf(item);
  const outcome = await uploadBlob(item, location, false, outside);
  if (!await wasWritten(item, location, outcome, outside)) return refused(item, outcome);
  const there = await objectNow(location, outside);
  // Whose it is that was found there, or was put at a try without an answer, only the row tells.
  return outcome.kind !== "done" && there && !hasNoUserMetadata(there)
    ? await keepExisting(item, overwrite, outside)
    : await readBack(item, there, outside);
}

/** What a user has put there in the meantime; only its bytes may be the snapshot's. */
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

/** Reads back what was put, whose row was asked before: a later version is somebody else's. */
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

/** Through the scratch bucket: a move ignores limits and never lands on an existing name. */
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
    // A later slice finds it, or moves it again: what stands before Storage may have answered.
    throw new HoldfastError("storage_unreachable", "a move was answered and nothing was moved");
  }
  if (!hasNoUserMetadata(there) && !(put && haveSameUserMetadata(put, there))) {
    return await keepExisting(item, plan.overwrite, outside);
  }
  if (!areSameBytes(put, there)) {
    // Somebody may have written to the name since: the catalog must not take that for the blob.
    const compared = await compareAgain(item, location, outside);
    if (compared === "different") return kept(item, TAKEN_MEANWHILE);
    if (compared !== "same") return differs(item, compared);
  }
  return result(item, ["objects_restored", "objects_verified"], there);
}

/** Whether rows say the same of a user's. A trigger of the project's may have filled in both. */
function haveSameUserMetadata(
  { metadata: one }: ObjectNow,
  { metadata: other }: ObjectNow,
): boolean {
  const words = ({ owner_id, user_metadata, user_metadata_text }: ObjectNow["metadata"]) =>
    JSON.stringify([owner_id, user_metadata, user_metadata_text]);
  return words(one) === words(other);
}

/** Whether rows say so; where Storage tells no etag, or another after a move, they do not. */
function areSameBytes(one: ObjectNow | undefined, other: ObjectNow): boolean {
  return one !== undefined && one.etag !== null && one.etag === other.etag &&
    one.size === other.size;
}

/**
 * Whether a write was done. A refusal may be the answer to its own repetition: what got no answer is
 * sent again, by us and by Deno's fetch when a kept connection closes. The bytes tell.
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
