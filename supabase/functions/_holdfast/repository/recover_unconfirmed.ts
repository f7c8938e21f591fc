/** A snapshot that counts, though its run failed before it knew. */
import { logNotice } from "../observability/log.ts";
import type { Database } from "../lib/database.ts";
import type { LogRecord } from "./formats.ts";

/**
 * Whether all that is new in the log is the snapshot of a run of this very database, which failed
 * when nobody answered that its record was written. The catalog knows it then.
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
