/**
 * Compares two projects and the repository between them. It uses no code of Holdfast: it reads
 * bytes over REST and from the bucket, and rows in SQL.
 */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { ProjectInfo } from "../stack/project.ts";
import { forEachObject } from "./pool.ts";
import { type Entry, RepositoryFault, type RepositoryReader } from "./repository.ts";
import { type ObjectRow, readRows, type StorageRows } from "./rows.ts";
import type { Progress } from "./screen.ts";
import { digestOfObject } from "./storage.ts";

/** The projects and the repository to compare. */
export interface Compared {
  readonly source: ProjectInfo;
  readonly target: ProjectInfo;
  readonly reader: RepositoryReader;
  /** Id of the snapshot that was restored. */
  readonly snapshot: string;
}

/** The result of a comparison. */
export interface Comparison {
  /** Objects of the source. */
  readonly total: number;
  /** How many of them exist in the target. */
  readonly restored: number;
  /** How many of them have equal bytes and rows in source, repository and target. */
  readonly verified: number;
  /**
   * Objects that differ, objects that only the target or the repository has, and buckets that
   * differ.
   */
  readonly failed: number;
  /** Bytes of the source's objects, by their rows. */
  readonly bytes: number;
  /** The differences in words, sorted by object name; empty if everything is equal. */
  readonly differences: readonly string[];
}

/** Compares every object and row. It only reads. */
export async function compareProjects(
  compared: Compared,
  progress: Progress,
): Promise<Comparison> {
  const source = await readRows(compared.source.databaseUrl);
  const target = await readRows(compared.target.databaseUrl);
  const { entries } = await compared.reader.snapshot(compared.snapshot);
  const locations = new Set([
    ...source.objects.keys(),
    ...target.objects.keys(),
    ...entries.keys(),
  ]);
  progress.expect(locations.size);

  const faults = new Map<string, string[]>();
  await forEachObject(
    locations,
    (location) => sizeOf(source.objects.get(location)),
    async (location) => {
      const found = await compareObject({
        location,
        compared,
        source: source.objects.get(location),
        target: target.objects.get(location),
        entry: entries.get(location),
      });
      if (found.length > 0) faults.set(location, found);
      progress.advance();
    },
  );
  const bucketFaults = compareBuckets(source, target);
  return {
    total: source.objects.size,
    restored: count(source.objects.keys(), (location) => target.objects.has(location)),
    verified: count(source.objects.keys(), (location) => !faults.has(location)),
    failed: faults.size + bucketFaults.size,
    bytes: [...source.objects.values()].reduce((sum, row) => sum + sizeOf(row), 0),
    differences: [
      ...[...bucketFaults].flatMap(([id, words]) => words.map((word) => `bucket ${id}: ${word}`)),
      ...[...locations].flatMap((location) =>
        (faults.get(location) ?? []).map((word) => `${JSON.stringify(location)}: ${word}`)
      ),
    ],
  };
}

/** One object in the source, the target and the snapshot. */
interface Sighting {
  readonly location: string;
  readonly compared: Compared;
  readonly source: ObjectRow | undefined;
  readonly target: ObjectRow | undefined;
  readonly entry: Entry | undefined;
}

async function compareObject(sighting: Sighting): Promise<string[]> {
  const { source, target, entry } = sighting;
  if (!source) {
    return [`is not in the source, but ${target ? "in the target" : "in the snapshot"}`];
  }
  return [
    ...(target ? differences(source.columns, target.columns) : ["is not in the target"]),
    ...(entry ? entryDifferences(source, entry) : ["is not in the snapshot"]),
    ...await compareBytes(sighting, source),
  ];
}

/** The columns in which two rows differ. */
function differences<Columns extends Record<string, string | null>>(
  source: Columns,
  target: Columns,
): string[] {
  return Object.keys(source).flatMap((column) =>
    source[column] === target[column]
      ? []
      : [`${column} is ${source[column]} in the source and ${target[column]} in the target`]
  );
}

/** The fields in which a snapshot's entry differs from the source's row. */
function entryDifferences({ columns }: ObjectRow, entry: Entry): string[] {
  const same = {
    size: columns.size === String(entry.size),
    type: columns.type === entry.type,
    cache_control: columns.cache_control === entry.cache_control,
    user_metadata: isDeepStrictEqual(jsonOf(columns.user_metadata), entry.user_metadata),
    owner_id: (columns.owner_id ?? columns.owner) === entry.owner_id,
    created_at: columns.created_at === entry.created_at,
    updated_at: columns.updated_at === entry.updated_at,
  };
  return Object.entries(same).flatMap(([field, equal]) =>
    equal ? [] : [`${field} is another in the snapshot than in the source`]
  );
}

async function compareBytes(sighting: Sighting, source: ObjectRow): Promise<string[]> {
  const { compared, target, entry } = sighting;
  const wanted = await digestOfObject(compared.source, source);
  if ("refusal" in wanted) return [`the source does not give its bytes: ${wanted.refusal}`];
  const faults: string[] = [];
  if (target) {
    const restored = await digestOfObject(compared.target, target);
    if ("refusal" in restored) {
      faults.push(`the target does not give its bytes: ${restored.refusal}`);
    } else if (restored.sha256 !== wanted.sha256) {
      faults.push(
        `its bytes differ: SHA-256 ${wanted.sha256} in the source, ` +
          `${restored.sha256} in the target`,
      );
    }
  }
  const held = entry && await digestOfEntry(compared.reader, entry);
  if (held && "fault" in held) faults.push(`the repository's bytes: ${held.fault}`);
  else if (held && held.sha256 !== wanted.sha256) {
    faults.push("its bytes in the repository are others than in the source");
  }
  return faults;
}

/** SHA-256 of the bytes that the repository holds for an entry. */
async function digestOfEntry(
  reader: RepositoryReader,
  entry: Entry,
): Promise<{ sha256: string } | { fault: string }> {
  try {
    return { sha256: createHash("sha256").update(await reader.bytes(entry)).digest("hex") };
  } catch (error) {
    if (error instanceof RepositoryFault) return { fault: error.message };
    throw error;
  }
}

/** The differences between the buckets, by bucket id. */
function compareBuckets(source: StorageRows, target: StorageRows): Map<string, string[]> {
  const faults = new Map<string, string[]>();
  for (const id of new Set([...source.buckets.keys(), ...target.buckets.keys()])) {
    const [one, other] = [source.buckets.get(id), target.buckets.get(id)];
    const words = one && other
      ? differences(one, other)
      : [`is not in the ${one ? "target" : "source"}`];
    if (words.length > 0) faults.set(id, words);
  }
  return faults;
}

function sizeOf(row: ObjectRow | undefined): number {
  return Number(row?.columns.size ?? 0);
}

function jsonOf(text: string | null): unknown {
  return text === null ? null : JSON.parse(text);
}

function count<Item>(items: Iterable<Item>, counts: (item: Item) => boolean): number {
  let number = 0;
  for (const item of items) if (counts(item)) number += 1;
  return number;
}
