/** Takes a repository over from another project, after its log was imported. */
import type { Clock } from "../../lib/clock/clock.ts";
import type { Lease } from "../../engine/types.ts";
import { HoldfastError } from "../../config/errors.ts";
import { putIfAbsent } from "../../repository/documents.ts";
import { formatDocument, type LogRecord } from "../../repository/formats.ts";
import { logKey } from "../../repository/keys.ts";
import { readRecord } from "../../repository/log.ts";
import type { RepositoryStore } from "../../destinations/store.ts";

/** An owner that wrote within this time is active. Two writers would make each other's backups fail. */
const SILENCE_HOURS = 24;
const MS_PER_HOUR = 3_600_000;

type OwnerRecord = Extract<LogRecord, { kind: "owner" }>;

/**
 * Appends the log record that makes this project the owner, if the import's plan asks for it.
 *
 * @param lastRecord sequence of the last record of the log
 * @param projectUrl URL of this project
 * @returns the new record; undefined if there is nothing to write
 * @throws HoldfastError `take_over_too_soon` if the last record is less than a day old and the plan
 * does not force it; `catalog_behind` if another record was written meanwhile
 */
export async function takeOver(
  lease: Lease,
  lastRecord: number,
  store: RepositoryStore,
  projectUrl: string,
  clock: Clock,
): Promise<OwnerRecord | undefined> {
  if (lease.plan["take_over"] !== true) return undefined;
  if (lastRecord > 0) {
    const last = await readRecord(store, logKey(lastRecord));
    // An earlier slice wrote the record and crashed before its commit.
    if (last.kind === "owner" && last.project_url === projectUrl) return undefined;
    if (lease.plan["force"] !== true) refuseIfAlive(last, clock);
  }
  const record: OwnerRecord = {
    kind: "owner",
    sequence: lastRecord + 1,
    // The run's start, so that a retry after a lost response writes the same bytes.
    at: lease.started_at,
    project_url: projectUrl,
  };
  const key = logKey(record.sequence);
  if (!await putIfAbsent(store, key, formatDocument(record))) {
    throw new HoldfastError("catalog_behind", `${key} was written by someone else`);
  }
  return record;
}

function refuseIfAlive(last: LogRecord, clock: Clock): void {
  const hours = (clock.date().getTime() - Date.parse(last.at)) / MS_PER_HOUR;
  if (hours >= SILENCE_HOURS) return;
  throw new HoldfastError(
    "take_over_too_soon",
    `${last.project_url} wrote to this repository ${Math.max(0, Math.floor(hours))} hours ago`,
  );
}
