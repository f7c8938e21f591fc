/** Reads the repository's log: the records that the catalog lacks. */
import { type ConcurrencyLimits, mapConcurrent } from "../lib/concurrency/map_concurrent.ts";
import { HoldfastError } from "../config/errors.ts";
import { MAX_RECORD_BYTES } from "./documents.ts";
import { type LogRecord, parseDocument, recordSchema } from "./formats.ts";
import { LOG_PREFIX, logKey, sequenceOfLogKey } from "./keys.ts";
import type { RepositoryLocation } from "./location.ts";
import type { RepositoryStore } from "../destinations/store.ts";

/** Most records that are read at once. A page of the log's listing can have a thousand. */
const MAX_RECORDS_IN_FLIGHT = 32;
const RECORDS_AT_ONCE: ConcurrencyLimits<unknown> = { items: MAX_RECORDS_IN_FLIGHT };

/** What the catalog records of a repository, with the location of the last backup. */
export interface KnownRepository extends RepositoryLocation {
  /** Row id in the catalog. */
  readonly id: number;
  /** Sequence of the last record that the catalog has. */
  readonly last_record: number;
  /** URL of the project that owns the repository; null if it has no owner. */
  readonly owner_project: string | null;
  /** Whether the server supports If-None-Match; null if no writer has probed it. */
  readonly conditional_writes: boolean | null;
  /**
   * Sequences after `last_record` of failed runs whose record may still be in the log. Absent if the
   * database was restored to a state before an upgrade.
   */
  readonly unconfirmed_records?: readonly number[];
}

/**
 * Reads the records after the catalog's last one, in order. A listing may lack the newest record.
 * Therefore unconfirmed records of failed runs are read by key: after a later record is imported,
 * they would never be read again.
 *
 * @param known what the catalog records; null: all records are new
 * @throws HoldfastError `catalog_ahead` or `repository_damaged`
 */
export async function readNewRecords(
  store: RepositoryStore,
  known: Pick<KnownRepository, "last_record" | "unconfirmed_records"> | null,
): Promise<LogRecord[]> {
  const listed = await readRecords(store, known?.last_record ?? 0);
  const sequences = new Set(listed.map(({ sequence }) => sequence));
  const unconfirmed = known?.unconfirmed_records ?? [];
  const unlisted = unconfirmed.filter((sequence) => !sequences.has(sequence));
  const found = await mapConcurrent(
    unlisted,
    RECORDS_AT_ONCE,
    () => 1,
    (sequence) => findRecord(store, logKey(sequence)),
  );
  return [...listed, ...found.filter((record) => record !== undefined)]
    .sort((one, other) => one.sequence - other.sequence);
}

/**
 * Reads the log records after a sequence, in order.
 *
 * @param last the sequence; 0 for the start of the log
 * @throws HoldfastError `catalog_ahead` if the log lacks the record `last`, because the log was then
 * rolled back; `repository_damaged`
 */
export async function readRecords(store: RepositoryStore, last: number): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  let startAfter = last > 0 ? logKey(last - 1) : undefined;
  let expectLast = last > 0;
  while (true) {
    const listed = await store.list(LOG_PREFIX, startAfter);
    // Other keys below log/ are not records.
    const keys = listed.keys.filter((key) => sequenceOfLogKey(key) !== undefined);
    if (expectLast && keys.shift() !== logKey(last)) {
      throw new HoldfastError("catalog_ahead", `the repository's log lacks its record ${last}`);
    }
    expectLast = false;
    records.push(
      ...await mapConcurrent(keys, RECORDS_AT_ONCE, () => 1, (key) => readRecord(store, key)),
    );
    if (!listed.more) return records;
    startAfter = listed.keys.at(-1);
  }
}

/**
 * Reads one log record, and verifies its sequence against its key.
 *
 * @throws HoldfastError `repository_damaged` if the record is missing or malformed
 */
export async function readRecord(store: RepositoryStore, key: string): Promise<LogRecord> {
  const record = await findRecord(store, key);
  if (!record) throw new HoldfastError("repository_damaged", `${key} is listed and can't be read`);
  return record;
}

async function findRecord(store: RepositoryStore, key: string): Promise<LogRecord | undefined> {
  const bytes = await store.get(key, MAX_RECORD_BYTES, { stated: true });
  if (!bytes) return undefined;
  const record = parseDocument(key, bytes, recordSchema);
  if (record.sequence !== sequenceOfLogKey(key)) {
    throw new HoldfastError(
      "repository_damaged",
      `${key} says that it is record ${record.sequence}`,
    );
  }
  return record;
}
