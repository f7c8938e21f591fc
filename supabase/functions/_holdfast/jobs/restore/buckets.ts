/** Making the snapshot's buckets in the target, and knowing what their limits would refuse. */
import type { Lease, SliceContext, Stage } from "../../engine/types.ts";
import { HoldfastError } from "../../config/errors.ts";
import type { BucketOutcome } from "../../project/storage_writer.ts";
import type { RestoreItem } from "./types.ts";
import type { RestoreContext } from "./upload_blob.ts";
import { scratchBucket } from "./scratch.ts";

/**
 * Whether this run made a bucket. `perhaps`: it asked for it and had no answer, and the bucket is
 * there; somebody else may have made it since.
 */
export type Made = "yes" | "perhaps" | "no";

/** A bucket of a snapshot, and how the target stands to it. */
export interface SnapshotBucket {
  readonly id: string;
  readonly name: string;
  readonly public: boolean;
  readonly file_size_limit: number | null;
  readonly allowed_mime_types: readonly string[] | null;
  readonly exists: boolean;
  readonly made: Made;
  readonly [setting: string]: unknown;
}

/** Which objects a bucket's limits would take. */
export interface Limits {
  take(item: RestoreItem): boolean;
}

/** The limits that a bucket will have; Storage applies them to the service key too. */
export function limitsOf(bucket: SnapshotBucket | undefined): Limits {
  const types = bucket?.allowed_mime_types ?? [];
  return {
    take: (item) =>
      (item.size ?? 0) <= (bucket?.file_size_limit ?? Infinity) &&
      (types.length === 0 || types.some((type) => type === item.metadata.type)),
  };
}

/**
 * Makes the buckets that are missing, and the scratch bucket; live ones are left as they are. The
 * stage throws HoldfastError `target_refused` where the target takes no scratch bucket.
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
      // It has an answer: to wait for another, as in an outage, would take hours and change nothing.
      throw new HoldfastError("target_refused", `no scratch bucket: ${scratch.message}`);
    }
    const made = await makeMissing(buckets, outside, lease, context);
    await context.commit("restore_begin", lease, {
      // Into a bucket that was just made nothing can be overwritten; a live one may have limits of
      // its own, and takes objects by move.
      buckets: made.map((bucket) => ({ ...bucket, direct: bucket.made === "yes" })),
    });
    return "finished";
  };
}

/** So many commits at most say which buckets are asked for: each says it of all. */
const MAX_INTENT_COMMITS = 200;

/** Makes what the target lacks; before each request it is committed that it will be made. */
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

/** Makes a bucket; what is above the project's own limit is put back into its row later. */
async function makeBucket(
  bucket: SnapshotBucket,
  { writer }: RestoreContext,
): Promise<BucketOutcome> {
  const outcome = await writer.createBucket(bucket);
  if (outcome.kind !== "refused" || bucket.file_size_limit === null) return outcome;
  return await writer.createBucket({ ...bucket, file_size_limit: null });
}
