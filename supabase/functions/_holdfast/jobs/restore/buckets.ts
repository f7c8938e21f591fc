/** Creates the snapshot's buckets in the target, and evaluates their limits. */
import type { Lease, SliceContext, Stage } from "../../engine/types.ts";
import { HoldfastError } from "../../config/errors.ts";
import type { BucketOutcome } from "../../project/storage_writer.ts";
import type { RestoreItem } from "./types.ts";
import type { RestoreContext } from "./upload_blob.ts";
import { scratchBucket } from "./scratch.ts";

/**
 * Whether this run created a bucket. `perhaps`: a request had no response and the bucket exists, so
 * that either the run or somebody else created it.
 */
export type Made = "yes" | "perhaps" | "no";

/** A bucket of a snapshot and its state in the target. Other fields are settings of its row. */
export interface SnapshotBucket {
  readonly id: string;
  readonly name: string;
  readonly public: boolean;
  /** Bytes; null for no limit. */
  readonly file_size_limit: number | null;
  /** Null or empty: all types are allowed. */
  readonly allowed_mime_types: readonly string[] | null;
  /** Whether the target had it before this run. */
  readonly exists: boolean;
  readonly made: Made;
  readonly [setting: string]: unknown;
}

/** The limits of a bucket. */
export interface Limits {
  /** Whether the bucket accepts an object. */
  take(item: RestoreItem): boolean;
}

/**
 * The limits that a bucket will have after the restore. Storage applies them to the service key, too.
 *
 * @param bucket undefined: no limits
 */
export function limitsOf(bucket: SnapshotBucket | undefined): Limits {
  const types = bucket?.allowed_mime_types ?? [];
  return {
    take: (item) =>
      (item.size ?? 0) <= (bucket?.file_size_limit ?? Infinity) &&
      (types.length === 0 || types.some((type) => type === item.metadata.type)),
  };
}

/**
 * Makes the stage that creates the missing buckets and the scratch bucket. Existing buckets are not
 * changed. The stage throws HoldfastError `target_refused` if the target refuses the scratch bucket.
 */
export function bucketsStage(outside: RestoreContext): Stage {
  return async (lease, context) => {
    const buckets = await context.commit<SnapshotBucket[]>("restore_buckets", lease);
    const scratch = await outside.writer.createBucket({
      id: scratchBucket(lease.run),
      public: false,
      file_size_limit: null,
      allowed_mime_types: null,
    });
    if (scratch.kind === "refused") {
      // The refusal is final, so the run must not wait as in an outage.
      throw new HoldfastError("target_refused", `no scratch bucket: ${scratch.message}`);
    }
    const made = await makeMissing(buckets, outside, lease, context);
    await context.commit("restore_begin", lease, {
      // In a bucket that this run created, an upload can't overwrite users' objects. An existing
      // bucket may have other limits, so its objects are moved in from the scratch bucket.
      buckets: made.map((bucket) => ({ ...bucket, direct: bucket.made === "yes" })),
    });
    return "finished";
  };
}

/** Most commits that record intents. Each commit repeats the list of all buckets. */
const MAX_INTENT_COMMITS = 200;

/** Creates the missing buckets. The intent is committed before each request (write-ahead). */
async function makeMissing(
  buckets: readonly SnapshotBucket[],
  outside: RestoreContext,
  lease: Lease,
  context: SliceContext,
): Promise<SnapshotBucket[]> {
  const known = new Map(buckets.map((bucket) => [bucket.id, bucket]));
  const ids = (made: Made) =>
    [...known.values()].filter((bucket) => bucket.made === made).map(({ id }) => id);
  const missing = buckets.filter(({ exists }) => !exists);
  const atOnce = Math.ceil(missing.length / MAX_INTENT_COMMITS);
  for (let next = 0; next < missing.length; next += atOnce) {
    const asked = missing.slice(next, next + atOnce);
    await context.commit("record_bucket_intent", lease, {
      made: ids("yes"),
      asked: [...ids("perhaps"), ...asked.map(({ id }) => id)],
    });
    for (const bucket of asked) {
      const outcome = await makeBucket(bucket, outside);
      const made = outcome.kind === "done" ? "yes" : outcome.kind === "unsure" ? "perhaps" : "no";
      const refused = outcome.kind === "refused" ? { refused: outcome.message } : {};
      known.set(bucket.id, { ...bucket, made, ...refused });
    }
  }
  return [...known.values()];
}

/**
 * Creates a bucket. If its size limit exceeds the project's limit, it is created without one, and the
 * patch of its row restores the limit later.
 */
async function makeBucket(
  bucket: SnapshotBucket,
  { writer }: RestoreContext,
): Promise<BucketOutcome> {
  const outcome = await writer.createBucket(bucket);
  if (outcome.kind !== "refused" || bucket.file_size_limit === null) return outcome;
  return await writer.createBucket({ ...bucket, file_size_limit: null });
}
