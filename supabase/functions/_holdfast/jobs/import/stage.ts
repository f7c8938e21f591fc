/** The import stage: replays the repository's log and listings into the catalog. It copies no objects. */
import { HoldfastError } from "../../config/errors.ts";
import type { Clock } from "../../lib/clock/clock.ts";
import type { Lease, SliceContext, Stage } from "../../engine/types.ts";
import { MAX_DOCUMENT_BYTES, MAX_SNAPSHOT_BYTES } from "../../repository/documents.ts";
import { rollbackInSteps } from "../../repository/rollback_unsealed.ts";
import {
  type ListPart,
  type LogRecord,
  parseDocument,
  type SnapshotDocument,
  snapshotSchema,
} from "../../repository/formats.ts";
import { hexDigest } from "../../lib/codecs/hex.ts";
import { snapshotKey } from "../../repository/keys.ts";
import { type KnownRepository, readNewRecords } from "../../repository/log.ts";
import type { RepositoryStore } from "../../destinations/store.ts";
import { gunzipText } from "../../repository/gunzip_limited.ts";
import { type CatalogLine, parseLines } from "./lines.ts";
import { takeOver } from "./take_over.ts";

/** Most lines of one transaction. */
const LINES_PER_PAGE = 2_000;
type SnapshotRecord = Extract<LogRecord, { kind: "snapshot" }>;

interface ImportState {
  readonly position: ImportPosition;
  readonly base: number | null;
  /** Keys of the base's parts. Absent if the database was restored to a state before an upgrade. */
  readonly base_parts?: readonly string[];
  readonly last_record: number;
  /** The id in holdfast.json. */
  readonly repository_id: string;
}

interface ImportPosition {
  /** Sequence of the record whose lines are being imported. */
  readonly sequence?: number;
  /** Index of the current part, and the number of its lines that are imported. */
  readonly part?: number;
  readonly lines?: number;
  /** Last bucket and name that a full listing has covered. */
  readonly bucket_id?: string;
  readonly name?: string;
}

/**
 * Makes the stage that replays the log record by record. A snapshot is added to the catalog after all
 * of its lines are imported. If the run's plan asks for it, the stage then takes the repository over.
 *
 * @param projectUrl URL of this project
 */
export function importStage(store: RepositoryStore, projectUrl: string, clock: Clock): Stage {
  return async (lease, context) => {
    // The records are read once a slice, because each costs one GET.
    let ahead: LogRecord[] | undefined;
    while (true) {
      const state = await context.commit<ImportState>("import_begin", lease);
      ahead ??= await recordsAhead(state, context, store);
      const record = ahead.shift();
      if (!record) {
        const owner = await takeOver(lease, state.last_record, store, projectUrl, clock);
        if (owner) await context.commit("import_record", lease, { record: owner, document: null });
        await context.commit("import_done", lease);
        return "finished";
      }
      if (record.kind !== "snapshot") {
        await context.commit("import_record", lease, { record, document: null });
        continue;
      }
      const document = await readSnapshot(store, record, state.repository_id);
      if (!await rollbackUnsealed(lease, context)) return "more";
      if (!await importParts(document, state, lease, context, store)) return "more";
      await context.commit("import_record", lease, { record, document });
      if (context.budget.exhausted()) return "more";
    }
  };
}

/**
 * Reads the records that the catalog lacks. A delayed record that precedes the record whose lines are
 * being imported is skipped, because the position belongs to the later record.
 */
async function recordsAhead(
  state: ImportState,
  context: SliceContext,
  store: RepositoryStore,
): Promise<LogRecord[]> {
  const newRecords = await readNewRecords(store, await knownRepository(state, context));
  const { sequence: current = 0 } = state.position;
  return newRecords.filter(({ sequence }) => sequence >= current);
}

/** The catalog's state of the repository, with the last record that this import has replayed. */
async function knownRepository(
  { repository_id, last_record }: ImportState,
  { database }: SliceContext,
): Promise<Pick<KnownRepository, "last_record" | "unconfirmed_records">> {
  const known = await database.call<KnownRepository | null>("known_repository", { repository_id });
  return { unconfirmed_records: known?.unconfirmed_records, last_record };
}

/**
 * Removes unsealed entries from the catalog; otherwise they would become part of the next snapshot.
 * False if work remains.
 */
function rollbackUnsealed(lease: Lease, context: SliceContext): Promise<boolean> {
  return rollbackInSteps(
    context.budget,
    (max_rows) => context.commit<number>("import_rollback", lease, { max_rows }),
  );
}

/** Reads snapshot.json, and verifies it against the digest in its record and the repository's id. */
async function readSnapshot(
  store: RepositoryStore,
  record: SnapshotRecord,
  repositoryId: string,
): Promise<SnapshotDocument> {
  const key = snapshotKey(record.snapshot);
  const bytes = await store.get(key, MAX_SNAPSHOT_BYTES);
  if (!bytes) throw new HoldfastError("repository_damaged", `${key} is in the log and not there`);
  if (await hexDigest(bytes) !== record.sha256) {
    throw new HoldfastError("repository_damaged", `${key} is not what the log says it is`);
  }
  const document = parseDocument(key, bytes, snapshotSchema);
  if (document.id !== record.snapshot || document.sequence !== record.sequence) {
    throw new HoldfastError("repository_damaged", `${key} says that it is ${document.id}`);
  }
  if (document.repository_id !== repositoryId) {
    throw new HoldfastError(
      "repository_damaged",
      `${key} is of the repository ${document.repository_id}, not of this one`,
    );
  }
  return document;
}

/**
 * Selects the parts that lead from the catalog's newest snapshot to another one. If the other snapshot
 * has all parts of the newest one, these are its later parts, else all of its parts. It may lack some
 * if the newest snapshot's record was delayed, because the next backup did not build on it.
 *
 * @param parts all parts of the snapshot
 * @param base sequence of the newest snapshot in the catalog; null if there is none
 * @param baseParts keys of the newest snapshot's parts; absent: they are not compared
 */
export function partsToApply(
  parts: readonly ListPart[],
  base: number | null,
  baseParts?: readonly string[],
): ListPart[] {
  if (base === null) return [...parts];
  const inherited = parts.filter((part) => part.sequence <= base);
  const buildsOnBase = !baseParts || inherited.length === baseParts.length &&
      inherited.every(({ key }, index) => key === baseParts[index]);
  return buildsOnBase ? parts.filter((part) => part.sequence > base) : [...parts];
}

/** Imports all lines of a snapshot; false if the budget was exhausted before the end. */
async function importParts(
  document: SnapshotDocument,
  state: ImportState,
  lease: Lease,
  context: SliceContext,
  store: RepositoryStore,
): Promise<boolean> {
  const parts = partsToApply(document.parts, state.base, state.base_parts);
  let position = state.position;
  const startsOver = parts.length === document.parts.length;
  // An empty snapshot has no part, but all entries of the catalog must still be closed.
  if (position.part === undefined && startsOver && parts[0]?.kind !== "full") {
    if (!await clear(document.sequence, lease, context)) return false;
  }
  for (let index = position.part ?? 0; index < parts.length; index++) {
    const part = parts[index];
    if (!part) break;
    const lines = await readLines(store, part);
    const lastFull = part.kind === "full" && parts[index + 1]?.kind !== "full";
    const begun = position.lines ?? 0;
    const names = new Set<string>();
    parseLines(part.key, lines, [0, begun], names);
    for (let taken = begun; taken < lines.length; taken += LINES_PER_PAGE) {
      const page = parseLines(part.key, lines, [taken, taken + LINES_PER_PAGE], names);
      const atEnd = taken + page.length >= lines.length;
      const last = page.at(-1);
      const covers = part.kind === "full" ? coverage(position, last, lastFull && atEnd) : null;
      position = {
        sequence: document.sequence,
        part: atEnd ? index + 1 : index,
        lines: atEnd ? 0 : taken + page.length,
        ...(last && part.kind === "full" ? { bucket_id: last.bucket_id, name: last.name } : {}),
      };
      if (covers && !await closeCovered(document.sequence, covers, lease, context)) return false;
      await context.commit("import_page", lease, {
        sequence: document.sequence,
        lines: page,
        new_position: position,
      });
      context.budget.charge(page.length / 10, 0);
      if (context.budget.exhausted()) return false;
    }
  }
  return true;
}

/** Closes all entries of the catalog, as a full listing without lines does. */
async function clear(sequence: number, lease: Lease, context: SliceContext): Promise<boolean> {
  if (!await closeCovered(sequence, coverage({}, undefined, true), lease, context)) return false;
  await context.commit("import_page", lease, { sequence, lines: [], new_position: { sequence } });
  return true;
}

/** Closes the entries that a page of a full listing covers, in steps; false if work remains. */
async function closeCovered(
  sequence: number,
  covers: Coverage,
  lease: Lease,
  context: SliceContext,
): Promise<boolean> {
  while (!await context.commit<boolean>("import_close", lease, { sequence, covers })) {
    if (context.budget.exhausted()) return false;
  }
  return true;
}

/** The range of buckets and names that a page of a full listing covers. */
interface Coverage {
  readonly after_bucket: string;
  readonly after_name: string;
  /** Null if the range has no end: the page has the last line of the listing. */
  readonly to_bucket: string | null;
  readonly to_name: string | null;
}

function coverage(before: ImportPosition, last: CatalogLine | undefined, toEnd: boolean): Coverage {
  return {
    after_bucket: before.bucket_id ?? "",
    after_name: before.name ?? "",
    to_bucket: toEnd ? null : last?.bucket_id ?? null,
    to_name: toEnd ? null : last?.name ?? null,
  };
}

/** Reads the lines of a part, and verifies them against the digest in its key. */
async function readLines(store: RepositoryStore, part: ListPart): Promise<string[]> {
  const compressed = await store.get(part.key, Math.min(part.bytes, MAX_DOCUMENT_BYTES));
  if (!compressed) {
    throw new HoldfastError("repository_damaged", `${part.key} is named and not there`);
  }
  if (!part.key.includes(await hexDigest(compressed))) {
    throw new HoldfastError("repository_damaged", `${part.key} does not have its digest`);
  }
  const lines = (await gunzipText(part.key, compressed)).split("\n").filter((line) => line !== "");
  if (lines.length !== part.entries) {
    throw new HoldfastError(
      "repository_damaged",
      `${part.key} has ${lines.length} lines instead of ${part.entries}`,
    );
  }
  return lines;
}
