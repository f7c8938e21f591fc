import { isDeepStrictEqual } from "node:util";
import { factsOfEntry, factsOfRow } from "../../e2e/support/entry_facts.ts";
import type { Entry, Snapshot } from "../../e2e/support/repository_reader.ts";
import type { InvariantName } from "../../simulation/invariants.ts";
import { type Interval, intervalOf, mayTouch, surelyCovers } from "./interval.ts";
import { type ObjectState, pathOf, type ReferenceModel } from "./reference_model.ts";

/** What a snapshot says that is not so, with the promise that it breaks. */
export interface Violation {
  readonly promise: InvariantName;
  readonly message: string;
}

/** The SHA-256 of what lies in the repository under a key. */
export type HeldDigests = ReadonlyMap<string, string>;

/**
 * Holds what a sealed snapshot lists to what really was: each object once, in a state that it had
 * between the run's start and its seal, with that state's bytes; what could not be read marked so,
 * beside where it was before.
 */
export function violationsOf(
  snapshot: Snapshot,
  model: ReferenceModel,
  held: HeldDigests,
): Violation[] {
  const interval = intervalOf(snapshot.document);
  const violations: Violation[] = [];
  const listed = new Map<string, string>();
  const unread = unreadIds(snapshot, model);
  for (const [objectPath, entry] of snapshot.entries) {
    // Where an object moved on and its new place could not be read, the old one stays listed.
    const since = entry.id !== null && unread.has(entry.id)
      ? { ...interval, start: -Infinity }
      : interval;
    const found = untruthOf(objectPath, entry, since, model, held);
    if (found) violations.push(found);
    for (const id of idsOf(objectPath, entry, model)) {
      const other = listed.get(id);
      if (other !== undefined && !unread.has(id)) {
        const both = [other, objectPath].map((it) =>
          describe(it, snapshot.entries.get(it)!, interval, model)
        );
        violations.push(lie(`${id} is listed twice: ${both.join("; ")}`));
      }
      listed.set(id, objectPath);
    }
  }
  return [
    ...violations,
    ...missing(listed, interval, model),
    ...missingBuckets(snapshot, interval, model),
    ...wronglyComplete(snapshot, model),
  ];
}

function untruthOf(
  objectPath: string,
  entry: Entry,
  interval: Interval,
  model: ReferenceModel,
  held: HeldDigests,
): Violation | undefined {
  if (entry.wanted_version !== undefined || entry.key === undefined) {
    return untruthOfMarked(objectPath, entry, interval, model, held);
  }
  const states = entry.id === null ? [] : model.life(entry.id)?.states ?? [];
  const equal = states.filter((state) => isListedAs(state, objectPath, entry));
  if (equal.length === 0) return lie(`${objectPath} (${entry.id}) never was as ${reported(entry)}`);
  if (!equal.some(({ from, to }) => mayTouch(interval, from, to))) {
    return lie(
      `${entry.id} was so before or after the run: ${describe(objectPath, entry, interval, model)}`,
    );
  }
  return bytesUntruth(objectPath, entry.key, equal[0]!, held) ?? notRead(objectPath, entry, model);
}

/** What could not be had: the version wanted was there, and what is held in its stead was, once. */
function untruthOfMarked(
  objectPath: string,
  entry: Entry,
  interval: Interval,
  model: ReferenceModel,
  held: HeldDigests,
): Violation | undefined {
  if (!entry.code) return lie(`${objectPath} has no bytes of its own and does not say why`);
  const wanted = entry.wanted_version ?? entry.version;
  if (!statesAt(objectPath, model).some((state) => isWanted(state, wanted, interval))) {
    return lie(`${objectPath} is said to have been of version ${wanted}, which it was not`);
  }
  if (entry.key === undefined) return undefined;
  const former = statesAt(objectPath, model).find(({ row }) => row.version === entry.version);
  if (!former) return lie(`${objectPath} is held as version ${entry.version}, which it never had`);
  return bytesUntruth(objectPath, entry.key, former, held);
}

function isWanted({ row, from, to }: ObjectState, version: string, interval: Interval): boolean {
  return row.version === version && mayTouch(interval, from, to);
}

function statesAt(objectPath: string, model: ReferenceModel): ObjectState[] {
  return model.tenants(objectPath).flatMap(({ states }) =>
    states.filter(({ row }) => pathOf(row) === objectPath)
  );
}

/** The objects that are listed somewhere without their bytes, because these could not be had. */
function unreadIds({ entries }: Snapshot, model: ReferenceModel): ReadonlySet<string> {
  const marked = [...entries].filter(([, { code }]) => code !== undefined);
  return new Set(marked.flatMap(([objectPath, entry]) => idsOf(objectPath, entry, model)));
}

/** Of an object that was re-created, what is held may be of the former one and what is wanted not. */
function idsOf(objectPath: string, entry: Entry, model: ReferenceModel): string[] {
  if (entry.wanted_version === undefined) return entry.id === null ? [] : [entry.id];
  return statesAt(objectPath, model).filter(({ row }) => row.version === entry.wanted_version)
    .slice(-1).map(({ row }) => row.id);
}

function bytesUntruth(
  objectPath: string,
  key: string,
  state: ObjectState,
  held: HeldDigests,
): Violation | undefined {
  if (held.get(key) === state.sha256) return undefined;
  return {
    promise: "no_missing_bytes",
    message: `${objectPath}: ${key} has other bytes than it had`,
  };
}

/** Bytes that lie under the key of another place or version were not read under this name. */
function notRead(objectPath: string, { key, version, assumed }: Entry, model: ReferenceModel) {
  if (assumed || key!.startsWith("data/~/") || key!.startsWith(`data/${objectPath}/${version}`)) {
    return undefined;
  }
  if (model.restored.has(objectPath)) return undefined;
  return { promise: "assumed_marked", message: `${objectPath} is held as ${key}` } as const;
}

/** Every object that lived through the run must be there. */
function missing(
  listed: ReadonlyMap<string, string>,
  interval: Interval,
  model: ReferenceModel,
): Violation[] {
  const violations: Violation[] = [];
  for (const { id, born, gone, states } of model.lives()) {
    if (listed.has(id) || !surelyCovers(interval, born, gone)) continue;
    const objectPaths = states.filter(({ from, to }) => mayTouch(interval, from, to))
      .map(({ row }) => pathOf(row));
    violations.push(
      lie(`${id} lived through the run and is not listed; it was ${objectPaths.join(", ")}`),
    );
  }
  return violations;
}

function missingBuckets(
  { document }: Snapshot,
  interval: Interval,
  model: ReferenceModel,
): Violation[] {
  const listed = document.buckets.map(({ id }) => id);
  return model.buckets
    .filter(({ id, born, gone }) => surelyCovers(interval, born, gone) && !listed.includes(id))
    .map(({ id }) => lie(`bucket ${id} lived through the run and is not listed`));
}

/** Only what the source itself could not give leaves a snapshot complete. */
function wronglyComplete({ document, entries }: Snapshot, model: ReferenceModel): Violation[] {
  if (document.state !== "complete") return [];
  const violations: Violation[] = [];
  for (const [objectPath, { wanted_version: wanted, code }] of entries) {
    if (wanted === undefined) continue;
    const states = statesAt(objectPath, model).filter(({ row }) => row.version === wanted);
    if (states.some(({ bytesLost }) => bytesLost !== undefined)) continue;
    violations.push(lie(`the snapshot is complete, but ${objectPath} could be had (${code})`));
  }
  return violations;
}

/** Whether an entry is what a restore needs to bring this state back. */
function isListedAs({ row }: ObjectState, objectPath: string, entry: Entry): boolean {
  return pathOf(row) === objectPath && isDeepStrictEqual(factsOfEntry(entry), factsOfRow(row));
}

/** An entry, and all that its object was. */
function describe(
  objectPath: string,
  entry: Entry,
  interval: Interval,
  model: ReferenceModel,
): string {
  const { id, key, assumed, wanted_version: wanted, code } = entry;
  const life = id === null ? undefined : model.life(id);
  const states = life?.states.map((state) => `${pathOf(state.row)} ${times(interval, state)}`) ??
    [];
  return `${objectPath} as ${JSON.stringify({ key, assumed, wanted, code })}, of ${
    states.join(" and ")
  }`;
}

/** When a state was so, in seconds from the start of a run that took so many. */
function times(interval: Interval, { from, to }: ObjectState): string {
  const end = to === undefined ? "on" : `to ${seconds(interval, to.before)}`;
  return `from ${seconds(interval, from.after)} ${end} of ${seconds(interval, interval.end)} s`;
}

function seconds(interval: Interval, time: number): string {
  return ((time - interval.start) / 1000).toFixed(2);
}

function reported(
  { version, size, type, user_metadata: metadata, owner_id: owner }: Entry,
): string {
  return JSON.stringify({ version, size, type, user_metadata: metadata, owner_id: owner });
}

function lie(message: string): Violation {
  return { promise: "snapshot_accurate", message };
}
