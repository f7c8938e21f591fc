/** Checks that a requested snapshot exists, before a run is started for it. */
import { HoldfastError } from "../../config/errors.ts";
import type { Database } from "../../lib/database.ts";
import { openRepository } from "../../repository/open.ts";
import type { RepositoryStore } from "../../destinations/store.ts";

/** Number of newest snapshots that the error names. */
const NEWEST = 5;

/**
 * Checks that a snapshot exists, in the catalog or in newer records of the log. For `latest` and for
 * a time, one snapshot must exist; the run selects it after its import.
 *
 * @param wanted a snapshot's id, a time (ISO 8601) or `latest`
 * @throws HoldfastError `snapshot_unknown`, which names the newest snapshots
 */
export async function checkSnapshot(
  store: RepositoryStore,
  database: Database,
  wanted: string,
): Promise<void> {
  const { known, newRecords } = await openRepository(store, database);
  const inLog = newRecords.flatMap((record) => record.kind === "snapshot" ? [record.snapshot] : []);
  const byId = /^\d{8}T\d{6}Z-\d+$/.test(wanted);
  if (byId ? inLog.includes(wanted) : inLog.length > 0) return;
  const inCatalog = known
    ? await database.call<string[]>("snapshot_ids", {
      repository: known.id,
      wanted,
      newest: NEWEST,
    })
    : [];
  if (byId ? inCatalog.includes(wanted) : inCatalog.length > 0) return;
  const newest = [...inLog.reverse(), ...inCatalog].slice(0, NEWEST);
  throw new HoldfastError("snapshot_unknown", `There is no snapshot ${wanted}.`, {
    remedy: newest.length > 0
      ? `The newest are: ${newest.join(", ")}.`
      : "The repository holds no snapshot yet: run a backup first.",
    facts: { newest },
  });
}
