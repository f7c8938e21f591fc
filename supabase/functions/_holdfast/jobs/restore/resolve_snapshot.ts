/** Refusing a snapshot that does not exist before a run is started for it. */
import { HoldfastError } from "../../config/errors.ts";
import type { Database } from "../../lib/database.ts";
import { openRepository } from "../../repository/open.ts";
import type { RepositoryStore } from "../../destinations/store.ts";

/** Newest snapshots that a refusal names. */
const NEWEST = 5;

/**
 * Checks that a snapshot is there to restore, in the catalog or in the log past it. `latest` and
 * times need one snapshot at least; which one is decided when the log has been read.
 * @throws HoldfastError `snapshot_unknown`, which lists the newest.
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
