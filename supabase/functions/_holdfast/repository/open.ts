/** Opens a repository: reads its identity and its owner, and compares its log with the catalog. */
import { HoldfastError } from "../config/errors.ts";
import type { Database } from "../lib/database.ts";
import type { RepositorySettings } from "../config/environment.ts";
import { recoverUnconfirmedSnapshot } from "./recover_unconfirmed.ts";
import { createRepository, probeConditionalWrites, type Writer } from "./create.ts";
import { MAX_RECORD_BYTES, putIfAbsent } from "./documents.ts";
import {
  formatDocument,
  type Identity,
  identitySchema,
  type LogRecord,
  parseDocument,
  type SnapshotDocument,
} from "./formats.ts";
import { HOLDFAST_KEY, logKey } from "./keys.ts";
import { type KnownRepository, readNewRecords, readRecord } from "./log.ts";
import { isSameLocation, locationOf, type RepositoryLocation } from "./location.ts";
import type { RepositoryStore } from "../destinations/store.ts";

/** What the catalog records of an opened repository. */
export interface RepositoryFacts extends RepositoryLocation {
  /** UUID in holdfast.json. */
  readonly repository_id: string;
  readonly format_version: number;
  /** URL of the project that owns the repository; null if it has no owner. */
  readonly owner_project: string | null;
  /** Sequence of the last log record that the catalog has. */
  readonly last_record: number;
  /** Whether the server supports If-None-Match; null if no writer has probed it. */
  readonly conditional_writes: boolean | null;
}

/** An opened repository: its identity, and the records that the catalog lacks. */
export interface OpenedRepository {
  readonly identity: Identity;
  /** What the catalog has of it; null if nothing. */
  readonly known: KnownRepository | null;
  /** Records past the last one that the catalog holds, in order. */
  readonly newRecords: readonly LogRecord[];
}

/**
 * Reads holdfast.json.
 *
 * @returns the identity; undefined if there is no repository
 * @throws HoldfastError `repository_damaged` or `repository_format_unsupported`
 */
export async function readIdentity(store: RepositoryStore): Promise<Identity | undefined> {
  const bytes = await store.get(HOLDFAST_KEY, MAX_RECORD_BYTES, { stated: true });
  return bytes && parseDocument(HOLDFAST_KEY, bytes, identitySchema);
}

/**
 * Opens the repository for reading. It reads the log records after the catalog's last one.
 *
 * @param read the identity, if it was just read; absent: it is read
 * @throws HoldfastError `repository_missing`, `catalog_ahead` or `repository_format_unsupported`
 */
export async function openRepository(
  store: RepositoryStore,
  database: Database,
  read?: Identity,
): Promise<OpenedRepository> {
  const identity = read ?? await readIdentity(store);
  if (!identity) {
    throw new HoldfastError("repository_missing", `there is no ${HOLDFAST_KEY} under the prefix`);
  }
  const known = await database.call<KnownRepository | null>("known_repository", {
    repository_id: identity.repository_id,
  });
  return { identity, known, newRecords: await readNewRecords(store, known) };
}

/**
 * Opens the repository for writing, and creates it if there is none. If it has no owner, this project
 * becomes its owner.
 *
 * @param writer the run that writes
 * @throws HoldfastError `repository_not_ours`, which names the owner; `catalog_behind`;
 * `catalog_ahead`; `repository_format_unsupported`. In these cases nothing was written.
 */
export async function openForWriting(
  store: RepositoryStore,
  database: Database,
  settings: RepositorySettings,
  writer: Writer,
): Promise<RepositoryFacts> {
  const { projectUrl } = writer;
  const location = locationOf(settings);
  const there = await readIdentity(store);
  // A new repository is read again, because another project may have created it first.
  const created = there === undefined
    ? await createRepository(store, database, location, writer)
    : null;
  const { identity, known, newRecords } = await openRepository(store, database, there);
  const owner = ownerOf(newRecords) ?? known?.owner_project ?? null;
  if (owner !== null && owner !== projectUrl) {
    throw notOurs(owner, newRecords, await lastSnapshotOf(database, known));
  }
  const missedRecords = newRecords.filter((record) => record.kind !== "owner");
  if (
    missedRecords.length > 0 &&
    !await recoverUnconfirmedSnapshot(database, known?.id, missedRecords)
  ) {
    throw catalogBehind(newRecords);
  }
  let lastRecord = newRecords.at(-1)?.sequence ?? known?.last_record ?? 0;
  if (owner === null) {
    // This precedes the claim, so that every repository with an owner has the recovery script.
    const { putRecovery } = await import("./recovery.ts");
    await putRecovery(store, settings);
    lastRecord += 1;
    await claim(store, lastRecord, writer);
  }
  return {
    ...location,
    repository_id: identity.repository_id,
    format_version: identity.format,
    owner_project: projectUrl,
    last_record: lastRecord,
    conditional_writes: asKnown(known, location) ?? created ?? await probeConditionalWrites(store),
  };
}

/** Whether the server supports conditional writes, as probed before; null if it was not probed. */
function asKnown(known: KnownRepository | null, location: RepositoryLocation): boolean | null {
  return known && isSameLocation(known, location) ? known.conditional_writes : null;
}

/**
 * Verifies that the log has no new records before a snapshot is sealed. The run may have lasted for
 * days, and another project may have taken the repository over.
 *
 * The check is not needed if the run is minutes old, its record is the next of the log, and the
 * server supports conditional writes. A take-over writes the next record, which has the same key, and
 * the server refuses one of two conditional writes. (A LIST before the write would leave a race.)
 *
 * Older runs need the check: the database may have been restored to a state within the run, while the
 * log continued after its sequence. Restoring a database takes minutes. A run whose sequence leaves a
 * gap needs the check, too, because another writer's record may be in the gap.
 *
 * @param own the record of the snapshot itself, which a crashed slice may have written. Another
 * record of the same sequence belongs to a run that this database lost, so it must not be overwritten
 * @throws HoldfastError `repository_not_ours`, `catalog_behind` or `catalog_ahead`
 */
export async function assertNoNewRecords(
  store: RepositoryStore,
  database: Database,
  snapshot: Pick<SnapshotDocument, "repository_id" | "project_url">,
  own?: LogRecord,
): Promise<void> {
  const known = await database.call<KnownRepository | null>("known_repository", {
    repository_id: snapshot.repository_id,
  });
  const missedRecords = (await readNewRecords(store, known)).filter((record) =>
    own === undefined || formatDocument(record) !== formatDocument(own)
  );
  const owner = ownerOf(missedRecords) ?? snapshot.project_url;
  if (owner !== snapshot.project_url) {
    throw notOurs(owner, missedRecords, await lastSnapshotOf(database, known));
  }
  if (missedRecords.length > 0) throw catalogBehind(missedRecords);
}

/** Project URL of the last owner record; undefined if there is no owner record. */
function ownerOf(records: readonly LogRecord[]): string | undefined {
  return records.findLast((record) => record.kind === "owner")?.project_url;
}

/** Writes the owner record. If two projects write at once, one of them fails. */
async function claim(
  store: RepositoryStore,
  sequence: number,
  { projectUrl, startedAt }: Writer,
): Promise<void> {
  const record: LogRecord = {
    kind: "owner",
    sequence,
    at: startedAt,
    project_url: projectUrl,
  };
  if (await putIfAbsent(store, logKey(sequence), formatDocument(record))) return;
  const there = await readRecord(store, logKey(sequence));
  if (there.kind === "owner" && there.project_url === projectUrl) return;
  throw notOurs(there.project_url, [there], null);
}

async function lastSnapshotOf(
  database: Database,
  known: KnownRepository | null,
): Promise<string | null> {
  return known &&
    await database.call<string | null>("newest_snapshot_id", { repository: known.id });
}

function catalogBehind(missedRecords: readonly LogRecord[]): HoldfastError {
  return new HoldfastError(
    "catalog_behind",
    `the repository's log has ${missedRecords.length} records that this database lacks`,
  );
}

function notOurs(
  owner: string,
  records: readonly LogRecord[],
  knownSnapshot: string | null,
): HoldfastError {
  const last = records.findLast((record) => record.kind === "snapshot");
  const snapshot = last?.kind === "snapshot" ? last.snapshot : knownSnapshot;
  return new HoldfastError(
    "repository_not_ours",
    `the repository belongs to ${owner}; its last snapshot is ${snapshot ?? "none yet"}`,
    { facts: { owner, last_snapshot: snapshot } },
  );
}
