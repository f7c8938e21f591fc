/** The scratch bucket: a private bucket to which a restore uploads objects before it moves them. */
import { HoldfastError } from "../../config/errors.ts";
import { logError } from "../../observability/log.ts";
import type { Database } from "../../lib/database.ts";
import type { ObjectWriter } from "../../project/storage_writer.ts";

/**
 * Name of the scratch bucket of a run. Backups skip buckets of this name.
 *
 * @param run UUID of the run
 */
export function scratchBucket(run: string): string {
  return `holdfast-scratch-${run}`;
}

/**
 * Removes scratch buckets of ended restores that did not remove their own. A failure is logged, and
 * a later tick tries again.
 */
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
