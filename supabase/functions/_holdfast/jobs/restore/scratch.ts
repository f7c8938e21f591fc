/** The private bucket that a restore's objects may go through, and those that restores left. */
import { HoldfastError } from "../../config/errors.ts";
import { logError } from "../../observability/log.ts";
import type { Database } from "../../lib/database.ts";
import type { ObjectWriter } from "../../project/storage_writer.ts";

/** Name of the bucket of a run; backups pass it by. */
export function scratchBucket(run: string): string {
  return `holdfast-scratch-${run}`;
}

/** Removes the scratch buckets of restores that ended without doing so; the tick asks again. */
export async function dropOrphanedScratchBuckets(
  writer: ObjectWriter,
  database: Database,
): Promise<void> {
  for (const bucket of await database.call<string[]>("orphaned_scratch_buckets", {})) {
    try {
      await writer.dropBucket(bucket);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      logError({ code: error.code, message: error.message, bucket });
    }
  }
}
