/** Taking a repository over from the project that owned it, once its log has been imported. */
import type { Clock } from "../../lib/clock/clock.ts";
import type { Lease } from "../../engine/types.ts";
import { HoldfastError } from "../../config/errors.ts";
import { putIfAbsent } from "../../repository/documents.ts";
import { formatDocument, type LogRecord } from "../../repository/formats.ts";
import { logKey } from "../../repository/keys.ts";
import { readRecord } from "../../repository/log.ts";
import type { RepositoryStore } from "../../destinations/store.ts";

/** An owner that wrote within this time is alive, and two writers would be in each other's way. */
const SILENCE_HOURS = 24;
const MS_PER_HOUR = 3_600_000;

type OwnerRecord = Extract<LogRecord, { kind: "owner" }>;

/**
 * Appends the record that makes this project the owner, if the import's plan asks for it. Undefined
 * where it does not.
 * @throws HoldfastError `take_over_too_soon` where the last record is younger than a day and the
 * plan does not force it; `catalog_behind` where the owner wrote meanwhile.
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
    // Written already, by a slice that died before it was known.
    if (last.kind === "owner" && last.project_url === projectUrl) return undefined;
    if (lease.plan["force"] !== true) refuseIfAlive(last, clock);
  }
  const record: OwnerRecord = {
    kind: "owner",
    sequence: lastRecord + 1,
    // The lease's own time, so that a repetition after a lost reply writes the same bytes.
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
