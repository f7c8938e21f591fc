/** Import: the repository's log and listings, replayed into the catalog. Moves no bytes. */
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

/** Lines that one transaction takes. */
const LINES_PER_PAGE = 2_000;
type SnapshotRecord = Extract<LogRecord, { kind: "snapshot" }>;

interface ImportState {
  readonly position: ImportPosition;
  readonly base: number | null;
  /** Keys of the base's parts. Absent in a database that was put back to before an upgrade. */
  readonly base_parts?: readonly string[];
  readonly last_record: number;
  /** As holdfast.json says. */
  readonly repository_id: string;
}

interface ImportPosition {
  /** The record whose lines are being taken. */
  readonly sequence?: number;
  /** Part of the snapshot, and lines of it that were taken. */
  readonly part?: number;
  readonly lines?: number;
  /** Last key that a full listing covered. */
  readonly bucket_id?: string;
  readonly name?: string;
}

/** Replays record after record; each snapshot joins the catalog when all its lines have. */
export function importStage(store: RepositoryStore, projectUrl: string, clock: Clock): Stage {
  return async (lease, context) => {
    // Read once a slice: one GET a record, however many there are.
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
 * The records past what the catalog holds. One that came late, before the one whose lines are being
 * taken, is passed like one before the last that is known: those lines are not its own.
 */
async function recordsAhead(
  state: ImportState,
  context: SliceContext,
  store: RepositoryStore,
): Promise<LogRecord[]> {
  const newRecords = await readNewRecords(store, await knownRepository(state, context));
  const { sequence: underWay = 0 } = state.position;
  return newRecords.filter(({ sequence }) => sequence >= underWay);
}

/** What the catalog knows, as far as this import has got. */
async function knownRepository(
  { repository_id, last_record }: ImportState,
  { database }: SliceContext,
): Promise<Pick<KnownRepository, "last_record" | "unconfirmed_records">> {
  const known = await database.call<KnownRepository | null>("known_repository", { repository_id });
  return { unconfirmed_records: known?.unconfirmed_records, last_record };
}

/** Whether nothing is left of what was never sealed here: it would seem to belong to what comes. */
function rollbackUnsealed(lease: Lease, context: SliceContext): Promise<boolean> {
  return rollbackInSteps(
    context.budget,
    (max_rows) => context.commit<number>("import_rollback", lease, { max_rows }),
  );
}

/** A snapshot's document, held to the digest in its record and to the repository. */
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
 * The parts that lead from the catalog's newest snapshot to this one: those past it where this one
 * has all of its parts, else all. A record that came late stands before one that does not build on it.
 *
 * @param baseParts keys of the newest snapshot's parts; where they are not given, they are not compared
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

/** Whether all lines were taken; false when the budget ended before. */
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
  // A full listing that has no part: of nothing.
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

/** Closes everything, as a full listing without a line would if there were a part for it. */
async function clear(sequence: number, lease: Lease, context: SliceContext): Promise<boolean> {
  if (!await closeCovered(sequence, coverage({}, undefined, true), lease, context)) return false;
  await context.commit("import_page", lease, { sequence, lines: [], new_position: { sequence } });
  return true;
}

/** Closes what a page of a full listing covers, step by step; false where the budget is spent before. */
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

/** The keys that a page of a full listing speaks for. */
interface Coverage {
  readonly after_bucket: string;
  readonly after_name: string;
  /** Null behind the last line of all. */
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

/** A part's lines, held to the digest that its key is. */
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
