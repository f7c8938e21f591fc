/** Restoring one entry: what the target has decides what is done. */
import { type ErrorCode, HoldfastError } from "../errors.ts";
import type { ObjectPlace } from "../project/target.ts";
import { type BucketPlan, create, readBack } from "./create.ts";
import {
  type HeldItem,
  isHeld,
  type RestoreItem,
  type RestoreResult,
  type TargetObject,
} from "./items.ts";
import {
  checkStreamed,
  objectNow,
  type Over,
  placeOf,
  putBlob,
  type RestoreContext,
  versionNow,
} from "./put.ts";
import { compare, compareAgain, hasBytes } from "./read_back.ts";
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
} from "./results.ts";

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
      : await settleExisting(item, item.target, plan, outside);
  } catch (error) {
    if (error instanceof HoldfastError && ONE_BLOB.has(error.code)) {
      return failed(item, error.code, error.message);
    }
    throw error;
  }
}

/** The target has something under this name. */
async function settleExisting(
  item: HeldItem,
  target: TargetObject,
  plan: BucketPlan,
  outside: RestoreContext,
): Promise<RestoreResult> {
  const place = placeOf(item);
  // Not even its times are put back, unless a slice put it and died before it could. What the
  // catalog knows to be right was put back then, in the commit that told the catalog. Where it may
  // be overwritten, what users wrote into the row must be in a snapshot.
  const untouched = plan.overwrite === "never"
    ? target.right || !target.of_this_run
    : !target.held && !target.of_this_run && !target.says_no_more;
  const alreadyRight = (counts: string[], patched: boolean) =>
    untouched && !target.same_metadata
      ? metadataKept(item, counts, plan.overwrite)
      : result(item, counts, patched && !untouched ? target : undefined);
  if (target.right) {
    const presence = await hasBytes(item, place, outside);
    if (presence === "unknown") return unknown(item);
    if (presence === "gone") {
      const keeps = plan.overwrite === "never" || !target.held;
      return await putOver(item, { ...target, keeps }, outside);
    }
    if (target.announced) await isStill(target, place, outside);
    return alreadyRight(["objects_already_right"], !target.same_metadata);
  }
  // A length that differs needs no second look; where nothing is to be overwritten, bytes do.
  const surely = target.size !== item.size || plan.overwrite !== "never";
  const compared = await (surely ? compare : compareAgain)(item, place, outside);
  if (compared === "same") {
    const still = await isStill(target, place, outside);
    return alreadyRight(["objects_already_right", "objects_verified"], still);
  }
  if (compared !== "different" && compared.gone) {
    if (!target.held) return lost(item);
    // Bytes are there of which Storage only fails to tell, and then they were not to be overwritten.
    if (compared.gone === "as it fails" && !await outside.isWell()) return unknown(item);
    return await putOver(item, { ...target, keeps: false }, outside);
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
  return await putOver(item, { ...target, keeps: false }, outside, "objects_overwritten");
}

/**
 * Whether what was looked at is still there. It must not be another slice's upload that came in
 * meanwhile: its row would stay as that leaves it.
 * @throws HoldfastError `storage_unreachable`: it may be one, and the page is to be asked for anew
 */
async function isStill(
  { announced, version }: TargetObject,
  place: ObjectPlace,
  outside: RestoreContext,
): Promise<boolean> {
  const still = await versionNow(place, outside) === version;
  if (still || !announced) return still;
  throw new HoldfastError(
    "storage_unreachable",
    `${place.bucket}/${place.name} was written while it was looked at.`,
  );
}

/** Puts it over what is there, which a snapshot holds or has no bytes. */
async function putOver(
  item: HeldItem,
  over: Over,
  outside: RestoreContext,
  ...counts: string[]
): Promise<RestoreResult> {
  const place = placeOf(item);
  await checkStreamed(item, outside);
  // Asked before each try: comparing may have taken a while, and so does a try that fails. What came
  // in meanwhile is in no snapshot.
  let announced = false;
  const mayGo = async () => {
    const still = await outside.announce(place, over);
    announced ||= still;
    return still;
  };
  const outcome = await putBlob(item, place, true, outside, mayGo);
  if (outcome.kind !== "done") {
    if (!announced) return kept(item, CHANGED_MEANWHILE);
    if (await versionNow(place, outside) === over.version) return refused(item, outcome);
    // A try that had no answer may have been done.
    if (await compareAgain(item, place, outside) !== "same") return kept(item, CHANGED_MEANWHILE);
  }
  return await readBack(item, await objectNow(place, outside), outside, counts);
}
