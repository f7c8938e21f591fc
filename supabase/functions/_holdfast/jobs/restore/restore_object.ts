/** Restores one entry of a snapshot, depending on what the target has under its name. */
import { type ErrorCode, HoldfastError } from "../../config/errors.ts";
import type { ObjectLocation } from "../../project/storage_writer.ts";
import { type BucketPlan, create, readBack } from "./write_new.ts";
import {
  type HeldItem,
  isHeld,
  type RestoreItem,
  type RestoreResult,
  type TargetObject,
} from "./types.ts";
import {
  checkStreamed,
  locationOf,
  objectNow,
  type OverwriteTarget,
  type RestoreContext,
  uploadBlob,
  versionNow,
} from "./upload_blob.ts";
import { compare, compareAgain, hasBytes } from "../../transfer/read_back.ts";
import {
  CHANGED_MEANWHILE,
  failed,
  kept,
  lost,
  metadataKept,
  refused,
  result,
  unavailable,
  unknown,
} from "./outcomes.ts";

/** Errors that concern one blob. The entry is reported as failed, and the restore continues. */
const ONE_BLOB: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "repository_damaged",
  "repository_refused",
]);

/**
 * Restores one entry. It never deletes an object, and overwrites one only if the plan allows it.
 *
 * @param plan how objects of the entry's bucket are written
 * @returns what was done, with the failure if there is one
 * @throws HoldfastError if the cause is not this entry, such as `storage_unreachable`
 */
export async function restoreEntry(
  item: RestoreItem,
  plan: BucketPlan,
  outside: RestoreContext,
): Promise<RestoreResult> {
  if (!isHeld(item)) return unavailable(item);
  try {
    return item.target === null
      ? await create(item, plan, outside)
      : await restoreExisting(item, item.target, plan, outside);
  } catch (error) {
    if (error instanceof HoldfastError && ONE_BLOB.has(error.code)) {
      return failed(item, error.code, error.message);
    }
    throw error;
  }
}

/** Restores an entry whose name exists in the target. */
async function restoreExisting(
  item: HeldItem,
  target: TargetObject,
  plan: BucketPlan,
  outside: RestoreContext,
): Promise<RestoreResult> {
  const location = locationOf(item);
  // With overwrite=never the row is not changed at all, unless a crashed slice of this run wrote the
  // object and could not patch its row. If the catalog knows the version as right, the same commit
  // patched the row. With other settings, users' metadata in the row must be in a snapshot first.
  const untouched = plan.overwrite === "never"
    ? target.right || !target.of_this_run
    : !target.held && !target.of_this_run && !target.adds_no_metadata;
  const alreadyRight = (counts: string[], patched: boolean) =>
    untouched && !target.same_metadata
      ? metadataKept(item, counts, plan.overwrite)
      : result(item, counts, patched && !untouched ? target : undefined);
  if (target.right) {
    const presence = await hasBytes(item, location, outside);
    if (presence === "unknown") return unknown(item);
    if (presence === "missing") {
      const keeps = plan.overwrite === "never" || !target.held;
      return await overwriteObject(item, { ...target, keeps }, outside);
    }
    if (target.intent_recorded) await isUnchanged(target, location, outside);
    return alreadyRight(["objects_already_right"], !target.same_metadata);
  }
  // If the bytes differ, they are read again before the entry counts as different. A different size
  // needs no second read. With overwrite, one read is enough, because the blob is written anyway.
  const surely = target.size !== item.size || plan.overwrite !== "never";
  const compared = await (surely ? compare : compareAgain)(item, location, outside);
  if (compared === "same") {
    const still = await isUnchanged(target, location, outside);
    return alreadyRight(["objects_already_right", "objects_verified"], still);
  }
  if (compared !== "different" && compared.missing) {
    if (!target.held) return lost(item);
    // A 500 may also be an outage. The bytes may exist then, so they must not be overwritten.
    if (compared.missing === "suspected" && !await outside.storageIsHealthy()) return unknown(item);
    return await overwriteObject(item, { ...target, keeps: false }, outside);
  }
  if (plan.overwrite === "never") {
    return kept(
      item,
      "another object has this name in the target, and it was not to be overwritten",
    );
  }
  if (!target.held) {
    return kept(
      item,
      "what is there is in no snapshot yet: run a backup first, then it may be overwritten",
    );
  }
  return await overwriteObject(item, { ...target, keeps: false }, outside, "objects_overwritten");
}

/**
 * Whether the target still has the version that was compared.
 *
 * @throws HoldfastError `storage_unreachable` if it has another version and a slice had recorded its
 * intent to overwrite. That slice's delayed upload would leave the row unpatched, so the page is
 * requested again.
 */
async function isUnchanged(
  { intent_recorded, version }: TargetObject,
  location: ObjectLocation,
  outside: RestoreContext,
): Promise<boolean> {
  const still = await versionNow(location, outside) === version;
  if (still || !intent_recorded) return still;
  throw new HoldfastError(
    "storage_unreachable",
    `${location.bucket}/${location.name} was written while it was compared.`,
  );
}

/** Overwrites an object of the target. Its version is in a snapshot, or its bytes are lost. */
async function overwriteObject(
  item: HeldItem,
  over: OverwriteTarget,
  outside: RestoreContext,
  ...counts: string[]
): Promise<RestoreResult> {
  const location = locationOf(item);
  await checkStreamed(item, outside);
  // The version is checked before each try, because comparing and failed tries take time. A version
  // that was written meanwhile is in no snapshot and must not be overwritten.
  let intentRecorded = false;
  const mayWrite = async () => {
    const still = await outside.recordIntent(location, over);
    intentRecorded ||= still;
    return still;
  };
  const outcome = await uploadBlob(item, location, true, outside, mayWrite);
  if (outcome.kind !== "done") {
    if (!intentRecorded) return kept(item, CHANGED_MEANWHILE);
    if (await versionNow(location, outside) === over.version) return refused(item, outcome);
    // A try without a response may have succeeded.
    if (await compareAgain(item, location, outside) !== "same") {
      return kept(item, CHANGED_MEANWHILE);
    }
  }
  return await readBack(item, await objectNow(location, outside), outside, counts);
}
