/** Making the snapshot's buckets in the target, and knowing what their limits would refuse. */
import type { Stage } from "../engine/slice.ts";
import { HoldfastError } from "../errors.ts";
import type { RestoreItem } from "./items.ts";
import type { RestoreContext } from "./put.ts";
import { scratchBucket } from "./scratch.ts";

/** A bucket of a snapshot, and how the target stands to it. */
export interface SnapshotBucket {
  readonly id: string;
  readonly name: string;
  readonly public: boolean;
  readonly file_size_limit: number | null;
  readonly allowed_mime_types: readonly string[] | null;
  readonly exists: boolean;
  /** Whether it came to be since the run began: made by a slice that died before it could say so. */
  readonly of_this_run: boolean;
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
    const made = [];
    for (const bucket of buckets) {
      const outcome = bucket.exists ? undefined : await outside.writer.createBucket(bucket);
      // A first try can't have made what it finds.
      const created = outcome?.kind === "done" || (lease.attempts > 1 && bucket.of_this_run);
      // Into a bucket that was just made nothing can be overwritten; a live one may have limits of
      // its own, and takes objects by move.
      made.push({ ...bucket, created, direct: created });
    }
    await context.commit("restore_begin", lease, { buckets: made });
    return "finished";
  };
}
