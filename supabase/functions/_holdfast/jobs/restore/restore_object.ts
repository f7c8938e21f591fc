/** Restoring one entry: what the target has decides what is done. */
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

/** The one blob is damaged or refused, not the restore: it goes on and says so. */
const ONE_BLOB: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "repository_damaged",
  "repository_refused",
]);

/** Restores one entry and says what became of it. Never deletes; overwrites only as told. */
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

/** The target has something under this name. */
async function restoreExisting(
  item: HeldItem,
  target: TargetObject,
  plan: BucketPlan,
  outside: RestoreContext,
): Promise<RestoreResult> {
  const location = locationOf(item);
  // Not even its times are put back, unless a slice put it and died before it could. What the
  // catalog knows to be right was put back then, in the commit that told the catalog. Where it may
  // be overwritten, what users wrote into the row must be in a snapshot.
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
  // A length that differs needs no second look; where nothing is to be overwritten, bytes do.
  const surely = target.size !== item.size || plan.overwrite !== "never";
  const compared = await (surely ? compare : compareAgain)(item, location, outside);
  if (compared === "same") {
    const still = await isUnchanged(target, location, outside);
    return alreadyRight(["objects_already_right", "objects_verified"], still);
  }
  if (compared !== "different" && compared.missing) {
    if (!target.held) return lost(item);
    // Bytes are there of which Storage only fails to tell, and then they were not to be overwritten.
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
 * Whether what was looked at is still there. It must not be another slice's upload that came in
 * meanwhile: its row would stay as that leaves it.
 * @throws HoldfastError `storage_unreachable`: it may be one, and the page is to be asked for anew
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
    `${location.bucket}/${location.name} was written while it was looked at.`,
  );
}

/** Puts it over what is there, which a snapshot holds or has no bytes. */
async function overwriteObject(
  item: HeldItem,
  over: OverwriteTarget,
  outside: RestoreContext,
  ...counts: string[]
): Promise<RestoreResult> {
  const location = locationOf(item);
  await checkStreamed(item, outside);
  // Asked before each try: comparing may have taken a while, and so does a try that fails. What came
  // in meanwhile is in no snapshot.
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
    // A try that had no answer may have been done.
    if (await compareAgain(item, location, outside) !== "same") {
      return kept(item, CHANGED_MEANWHILE);
    }
  }
  return await readBack(item, await objectNow(location, outside), outside, counts);
}
