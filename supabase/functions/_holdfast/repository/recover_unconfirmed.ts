/** Recovers a snapshot whose run failed before it learned that the log record was written. */
import { logNotice } from "../observability/log.ts";
import type { Database } from "../lib/database.ts";
import type { LogRecord } from "./formats.ts";

/**
 * Adds a snapshot to the catalog if it is the only new record of the log and a run of this database
 * wrote it. Such a run failed because the response to its last write was lost.
 *
 * @param repository row id of the repository; undefined if the catalog does not have it
 * @param records new records of the log; the snapshot must be the only one
 * @returns whether the snapshot was recovered
 */
export async function recoverUnconfirmedSnapshot(
  database: Database,
  repository: number | undefined,
  [record, ...more]: readonly LogRecord[],
): Promise<boolean> {
  if (repository === undefined || record?.kind !== "snapshot" || more.length > 0) return false;
  if (
    await database.call<boolean>("recover_unconfirmed_snapshot", { repository, record }) !== true
  ) return false;
  logNotice({ recovered: record.snapshot });
  return true;
}
