/** Opening a repository: who it is, whose it is, and whether its log and the catalog agree. */
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

/** What the catalog is told of a repository that was opened. */
export interface RepositoryFacts extends RepositoryLocation {
  readonly repository_id: string;
  readonly format_version: number;
  readonly owner_project: string | null;
  readonly last_record: number;
  /** Whether the server honours If-None-Match; null where no writer has probed it yet. */
  readonly conditional_writes: boolean | null;
}

/** The repository as a reader finds it: its identity, and the records that the catalog lacks. */
export interface OpenedRepository {
  readonly identity: Identity;
  readonly known: KnownRepository | null;
  /** Records past the last one that the catalog holds, in order. */
  readonly newRecords: readonly LogRecord[];
}

/** Reads holdfast.json; undefined where there is no repository yet. */
export async function readIdentity(store: RepositoryStore): Promise<Identity | undefined> {
  const bytes = await store.get(HOLDFAST_KEY, MAX_RECORD_BYTES, { stated: true });
  return bytes && parseDocument(HOLDFAST_KEY, bytes, identitySchema);
}

/**
 * Compares heads: reads the log past the last record that the catalog holds. `read` is the
 * repository's identity where it was just read.
 * @throws HoldfastError `repository_missing`, `catalog_ahead`, `repository_format_unsupported`.
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
 * Opens the repository for writing, and makes it where there is none.
 * @throws HoldfastError `repository_not_ours`, which names the owner; `catalog_behind`;
 * `catalog_ahead`; `repository_format_unsupported`. Nothing was written then.
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
  // What was just made is read again: another project may have been first.
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
    // Before the claim, so that no repository that has an owner lacks it.
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

/** Whether the server was seen to honour conditions; null where it is another one, or never was asked. */
function asKnown(known: KnownRepository | null, location: RepositoryLocation): boolean | null {
  return known && isSameLocation(known, location) ? known.conditional_writes : null;
}

/**
 * Compares heads once more before a snapshot counts: its run may have lasted for days, and the
 * repository may have been taken over meanwhile. `own` is a record that is no news: that of the snapshot
 * itself, written by a slice that died. Another one of its sequence is: of a run that this database
 * has forgotten, whose snapshot must not be written over.
 *
 * A run that is minutes old need not ask if its record is the next of the log and the server
 * honours conditions. Whoever takes a repository over writes the next record first, so it has the
 * key of this one, and of two conditional writes of a key one is refused; a LIST before the write
 * would leave the moment between the two open. What the key would not tell is a database that was
 * taken back to the middle of this run, past whose sequence the log has gone on: that takes minutes,
 * so an older run does ask, as does one whose sequence leaves a gap that a rival's record may be in.
 * @throws HoldfastError `repository_not_ours`, `catalog_behind`, `catalog_ahead`.
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

/** Project URL of the last owner record; undefined where none of these is one. */
function ownerOf(records: readonly LogRecord[]): string | undefined {
  return records.findLast((record) => record.kind === "owner")?.project_url;
}

/** Writes the owner record; of two projects that try at once, one is refused. */
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
