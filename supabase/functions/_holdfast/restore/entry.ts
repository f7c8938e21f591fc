/** Restoring one entry: what the target has decides what is done. */
import { type ErrorCode, HoldfastError } from "../errors.ts";
import type { ObjectPlace, WriteOutcome } from "../project/target.ts";
import { hexDigest } from "../repository/keys.ts";
import {
  type HeldItem,
  isHeld,
  type Overwrite,
  type RestoreItem,
  type RestoreResult,
  type TargetObject,
} from "./items.ts";
import {
  BUFFERED_BYTES,
  checkStreamed,
  isBare,
  type ObjectNow,
  objectNow,
  type Over,
  putBlob,
  type RestoreContext,
  versionNow,
} from "./put.ts";
import { compare, compareAgain, hasBytes } from "./read_back.ts";
import {
  CHANGED_MEANWHILE,
  differs,
  failed,
  kept,
  lost,
  metadataKept,
  refused,
  result,
  TAKEN_MEANWHILE,
  unavailable,
  unknown,
} from "./results.ts";

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
    : !target.held && !target.of_this_run;
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
  return await readBack(item, outside, counts);
}

/** The target has nothing under this name. */
async function create(
  item: HeldItem,
  plan: BucketPlan,
  outside: RestoreContext,
): Promise<RestoreResult> {
  // Storage lets two uploads to a new name both succeed: that of a slice that fell may still come.
  // One that goes through no memory of ours is known to be right when it has been read back.
  return plan.direct(item) && !item.given_before && item.size <= BUFFERED_BYTES
    ? await createInPlace(item, plan, outside)
    : await createByMove(item, placeOf(item), plan, outside);
}

/** Straight to its place, in a bucket that this restore has made. */
async function createInPlace(
  item: HeldItem,
  { overwrite }: BucketPlan,
  outside: RestoreContext,
): Promise<RestoreResult> {
  const place = placeOf(item);
  const outcome = await putBlob(item, place, false, outside);
  if (!await landed(item, place, outcome, outside)) return refused(item, outcome);
  const there = await objectNow(place, outside);
  return there && !isBare(there)
    ? await keepUsers(item, overwrite, outside)
    : await readBack(item, outside, []);
}

/** What a user has put there in the meantime; only its bytes may be the snapshot's. */
async function keepUsers(
  item: HeldItem,
  overwrite: Overwrite,
  outside: RestoreContext,
): Promise<RestoreResult> {
  const compared = await compareAgain(item, placeOf(item), outside);
  return compared === "same"
    ? metadataKept(item, ["objects_already_right", "objects_verified"], overwrite)
    : kept(item, TAKEN_MEANWHILE);
}

/** Reads back what was put. The row is asked first: a later version is somebody else's. */
async function readBack(
  item: HeldItem,
  outside: RestoreContext,
  counts: readonly string[],
): Promise<RestoreResult> {
  const place = placeOf(item);
  const put = await objectNow(place, outside);
  const compared = await compareAgain(item, place, outside);
  if (compared !== "same") return differs(item, compared);
  return result(item, ["objects_restored", "objects_verified", ...counts], put);
}

/** Through the scratch bucket: a move ignores limits and never lands on an existing name. */
async function createByMove(
  item: HeldItem,
  place: ObjectPlace,
  plan: BucketPlan,
  outside: RestoreContext,
): Promise<RestoreResult> {
  const scratch = {
    bucket: plan.scratch,
    name: await hexDigest(new TextEncoder().encode(`${item.bucket_id}\0${item.name}`)),
  };
  for (let puts = 1;; puts++) {
    const uploaded = await putBlob(item, scratch, true, outside);
    if (uploaded.kind !== "done") return refused(item, uploaded);
    const compared = await compareAgain(item, scratch, outside);
    if (compared === "same") break;
    if (compared !== "different" || puts >= MAX_PUTS) return differs(item, compared);
  }
  const put = await objectNow(scratch, outside);
  const moved = await outside.writer.move(scratch, place);
  if (!await landed(item, place, moved, outside)) return refused(item, moved);
  const there = await objectNow(place, outside);
  if (there === undefined) {
    // A later slice finds it, or moves it again: what stands before Storage may have answered.
    throw new HoldfastError("storage_unreachable", "a move was answered and nothing was moved");
  }
  if (!isBare(there)) return await keepUsers(item, plan.overwrite, outside);
  if (!areSameBytes(put, there)) {
    // Somebody may have written to the name since: the catalog must not take that for the blob.
    const compared = await compareAgain(item, place, outside);
    if (compared === "different") return kept(item, TAKEN_MEANWHILE);
    if (compared !== "same") return differs(item, compared);
  }
  return result(item, ["objects_restored", "objects_verified"], there);
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
async function landed(
  item: HeldItem,
  place: ObjectPlace,
  outcome: WriteOutcome,
  outside: RestoreContext,
): Promise<boolean> {
  if (outcome.kind === "done") return true;
  return await versionNow(place, outside) !== undefined &&
    await compareAgain(item, place, outside) === "same";
}

function placeOf(item: RestoreItem): ObjectPlace {
  return { bucket: item.bucket_id, name: item.name };
}
