/** Reading the log: the records past those that the catalog holds. */
import { type ConcurrencyLimits, mapConcurrent } from "../lib/concurrency/map_concurrent.ts";
import { HoldfastError } from "../config/errors.ts";
import { MAX_RECORD_BYTES } from "./documents.ts";
import { type LogRecord, parseDocument, recordSchema } from "./formats.ts";
import { LOG_PREFIX, logKey, sequenceOfLogKey } from "./keys.ts";
import type { RepositoryLocation } from "./location.ts";
import type { RepositoryStore } from "../destinations/store.ts";

/** Records that are read at once; a page of the log's listing may have a thousand. */
const MAX_RECORDS_IN_FLIGHT = 32;
const RECORDS_AT_ONCE: ConcurrencyLimits<unknown> = { items: MAX_RECORDS_IN_FLIGHT };

/** What the catalog knows of a repository, and where backups went to last. */
export interface KnownRepository extends RepositoryLocation {
  readonly id: number;
  readonly last_record: number;
  readonly owner_project: string | null;
  readonly conditional_writes: boolean | null;
  /**
   * Sequences past `last_record` of failed runs whose record may be in the log all the same. Absent in
   * a database that was put back to before an upgrade.
   */
  readonly unconfirmed_records?: readonly number[];
}

/**
 * Records past the last one that the catalog holds, in order. A listing may not have the newest yet;
 * where a run of this database failed with no answer to whether its record was written, that is
 * asked for by its key: once a later record is known, nobody would look for it again.
 * @throws HoldfastError `catalog_ahead`, `repository_damaged`.
 */
export async function readNewRecords(
  store: RepositoryStore,
  known: Pick<KnownRepository, "last_record" | "unconfirmed_records"> | null,
): Promise<LogRecord[]> {
  const listed = await readRecords(store, known?.last_record ?? 0);
  const sequences = new Set(listed.map(({ sequence }) => sequence));
  const unanswered = known?.unconfirmed_records ?? [];
  const unlisted = unanswered.filter((sequence) => !sequences.has(sequence));
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
 * Log records after a sequence, in order. The record of that sequence must be
 * there itself, for a log without it was rolled back.
 * @throws HoldfastError `catalog_ahead`, `repository_damaged`.
 */
export async function readRecords(store: RepositoryStore, last: number): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  let startAfter = last > 0 ? logKey(last - 1) : undefined;
  let expectLast = last > 0;
  while (true) {
    const listed = await store.list(LOG_PREFIX, startAfter);
    // What else lies there is nobody's record.
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

/** One log record by its key, held to the sequence in it. @throws HoldfastError `repository_damaged`. */
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
