import { isDeepStrictEqual } from "node:util";
import { factsOfEntry, factsOfRow } from "../../support/entry_facts.ts";
import type { Entry, Snapshot } from "../../../stack/repository_reader.ts";
import type { InvariantName } from "../../simulation/invariants.ts";
import { type Interval, intervalOf, mayTouch, surelyCovers } from "./interval.ts";
import { type ObjectState, pathOf, type ReferenceModel } from "./reference_model.ts";

/** A wrong statement of a snapshot, with the invariant that it violates. */
export interface Violation {
  readonly invariant: InvariantName;
  readonly message: string;
}

/** The SHA-256 of the repository's objects, by key. */
export type HeldDigests = ReadonlyMap<string, string>;

/**
 * Compares a sealed snapshot with the reference model: it lists each object once, in a state that it had
 * between the run's start and its seal, with that state's bytes. What could not be read is marked, and
 * may be listed at its former path.
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
    // If an object was moved and could not be read at its new path, the old path stays listed.
    const since = entry.id !== null && unread.has(entry.id)
      ? { ...interval, start: -Infinity }
      : interval;
    const found = violationOf(objectPath, entry, since, model, held);
    if (found) violations.push(found);
    for (const id of idsOf(objectPath, entry, model)) {
      const other = listed.get(id);
      if (other !== undefined && !unread.has(id)) {
        const both = [other, objectPath].map((it) =>
          describe(it, snapshot.entries.get(it)!, interval, model)
        );
        violations.push(inaccurate(`${id} is listed twice: ${both.join("; ")}`));
      }
      listed.set(id, objectPath);
    }
  }
  return [
    ...violations,
    ...missing(listed, interval, model),
    ...missingBuckets(snapshot, interval, model),
    ...falselyComplete(snapshot, model),
  ];
}

function violationOf(
  objectPath: string,
  entry: Entry,
  interval: Interval,
  model: ReferenceModel,
  held: HeldDigests,
): Violation | undefined {
  if (entry.wanted_version !== undefined || entry.key === undefined) {
    return violationOfMarked(objectPath, entry, interval, model, held);
  }
  const states = entry.id === null ? [] : model.life(entry.id)?.states ?? [];
  const equal = states.filter((state) => isListedAs(state, objectPath, entry));
  if (equal.length === 0) {
    return inaccurate(`${objectPath} (${entry.id}) never was ${reported(entry)}`);
  }
  if (!equal.some(({ from, to }) => mayTouch(interval, from, to))) {
    return inaccurate(
      `${entry.id} was so before or after the run: ${describe(objectPath, entry, interval, model)}`,
    );
  }
  return bytesViolation(objectPath, entry.key, equal[0]!, held) ??
    notRead(objectPath, entry, model);
}

/**
 * Checks an entry that could not be read: both the wanted version and the one held instead existed.
 */
function violationOfMarked(
  objectPath: string,
  entry: Entry,
  interval: Interval,
  model: ReferenceModel,
  held: HeldDigests,
): Violation | undefined {
  if (!entry.code) return inaccurate(`${objectPath} has no bytes of its own and does not say why`);
  const wanted = entry.wanted_version ?? entry.version;
  if (!statesAt(objectPath, model).some((state) => isWanted(state, wanted, interval))) {
    return inaccurate(`${objectPath} is said to have been of version ${wanted}, which it was not`);
  }
  if (entry.key === undefined) return undefined;
  const former = statesAt(objectPath, model).find(({ row }) => row.version === entry.version);
  if (!former) {
    return inaccurate(`${objectPath} is held as version ${entry.version}, which it never had`);
  }
  return bytesViolation(objectPath, entry.key, former, held);
}

function isWanted({ row, from, to }: ObjectState, version: string, interval: Interval): boolean {
  return row.version === version && mayTouch(interval, from, to);
}

function statesAt(objectPath: string, model: ReferenceModel): ObjectState[] {
  return model.occupants(objectPath).flatMap(({ states }) =>
    states.filter(({ row }) => pathOf(row) === objectPath)
  );
}

/** The objects that are listed without their bytes because these could not be read. */
function unreadIds({ entries }: Snapshot, model: ReferenceModel): ReadonlySet<string> {
  const marked = [...entries].filter(([, { code }]) => code !== undefined);
  return new Set(marked.flatMap(([objectPath, entry]) => idsOf(objectPath, entry, model)));
}

/**
 * The ids of the objects of an entry. If an object was recreated, the held bytes may be of the
 * former one.
 */
function idsOf(objectPath: string, entry: Entry, model: ReferenceModel): string[] {
  if (entry.wanted_version === undefined) return entry.id === null ? [] : [entry.id];
  return statesAt(objectPath, model).filter(({ row }) => row.version === entry.wanted_version)
    .slice(-1).map(({ row }) => row.id);
}

function bytesViolation(
  objectPath: string,
  key: string,
  state: ObjectState,
  held: HeldDigests,
): Violation | undefined {
  if (held.get(key) === state.sha256) return undefined;
  return {
    invariant: "no_missing_bytes",
    message: `${objectPath}: ${key} has other bytes than it had`,
  };
}

/** Checks that bytes stored under another path or version are marked as assumed. */
function notRead(objectPath: string, { key, version, assumed }: Entry, model: ReferenceModel) {
  if (assumed || key!.startsWith("data/~/") || key!.startsWith(`data/${objectPath}/${version}`)) {
    return undefined;
  }
  if (model.restored.has(objectPath)) return undefined;
  return { invariant: "assumed_marked", message: `${objectPath} is held as ${key}` } as const;
}

/** Finds objects that existed during the complete run and are not listed. */
function missing(
  listed: ReadonlyMap<string, string>,
  interval: Interval,
  model: ReferenceModel,
): Violation[] {
  const violations: Violation[] = [];
  for (const { id, born, deleted, states } of model.lives()) {
    if (listed.has(id) || !surelyCovers(interval, born, deleted)) continue;
    const objectPaths = states.filter(({ from, to }) => mayTouch(interval, from, to))
      .map(({ row }) => pathOf(row));
    violations.push(
      inaccurate(
        `${id} existed during the complete run and is not listed; it was ${objectPaths.join(", ")}`,
      ),
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
    .filter(({ id, born, deleted }) =>
      surelyCovers(interval, born, deleted) && !listed.includes(id)
    )
    .map(({ id }) => inaccurate(`bucket ${id} existed during the complete run and is not listed`));
}

/** A complete snapshot may lack only the bytes that the source itself had lost. */
function falselyComplete({ document, entries }: Snapshot, model: ReferenceModel): Violation[] {
  if (document.state !== "complete") return [];
  const violations: Violation[] = [];
  for (const [objectPath, { wanted_version: wanted, code }] of entries) {
    if (wanted === undefined) continue;
    const states = statesAt(objectPath, model).filter(({ row }) => row.version === wanted);
    if (states.some(({ bytesLost }) => bytesLost !== undefined)) continue;
    violations.push(
      inaccurate(`the snapshot is complete, but ${objectPath} was readable (${code})`),
    );
  }
  return violations;
}

/** Whether an entry describes this state completely. */
function isListedAs({ row }: ObjectState, objectPath: string, entry: Entry): boolean {
  return pathOf(row) === objectPath && isDeepStrictEqual(factsOfEntry(entry), factsOfRow(row));
}

/** Describes an entry and all states of its object. */
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

/** The time of a state, in seconds since the start of the run. */
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

function inaccurate(message: string): Violation {
  return { invariant: "snapshot_accurate", message };
}
