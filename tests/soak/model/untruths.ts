import { isDeepStrictEqual } from "node:util";
import { factsOfEntry, factsOfRow } from "../../support/entry_facts.ts";
import type { Entry, Snapshot } from "../../stack/repository_reader.ts";
import type { PromiseName } from "../../faults/promises.ts";
import { mayTouch, type Span, spanOf, surelyCovers } from "./span.ts";
import { type ObjectState, placeOf, type Truth } from "./truth.ts";

/** What a snapshot says that is not so, with the promise that it breaks. */
export interface Untruth {
  readonly promise: PromiseName;
  readonly message: string;
}

/** The SHA-256 of what lies in the repository under a key. */
export type HeldDigests = ReadonlyMap<string, string>;

/**
 * Holds what a sealed snapshot lists to what really was: each object once, in a state that it had
 * between the run's start and its seal, with that state's bytes; what could not be read marked so,
 * beside where it was before.
 */
export function untruthsOf(snapshot: Snapshot, truth: Truth, held: HeldDigests): Untruth[] {
  const span = spanOf(snapshot.document);
  const untruths: Untruth[] = [];
  const listed = new Map<string, string>();
  const unread = unreadIds(snapshot, truth);
  for (const [place, entry] of snapshot.entries) {
    // Where an object moved on and its new place could not be read, the old one stays listed.
    const since = entry.id !== null && unread.has(entry.id) ? { ...span, start: -Infinity } : span;
    const found = untruthOf(place, entry, since, truth, held);
    if (found) untruths.push(found);
    for (const id of idsOf(place, entry, truth)) {
      const other = listed.get(id);
      if (other !== undefined && !unread.has(id)) {
        const both = [other, place].map((it) =>
          describe(it, snapshot.entries.get(it)!, span, truth)
        );
        untruths.push(lie(`${id} is listed twice: ${both.join("; ")}`));
      }
      listed.set(id, place);
    }
  }
  return [
    ...untruths,
    ...missing(listed, span, truth),
    ...missingBuckets(snapshot, span, truth),
    ...wronglyComplete(snapshot, truth),
  ];
}

function untruthOf(
  place: string,
  entry: Entry,
  span: Span,
  truth: Truth,
  held: HeldDigests,
): Untruth | undefined {
  if (entry.wanted_version !== undefined || entry.key === undefined) {
    return untruthOfMarked(place, entry, span, truth, held);
  }
  const states = entry.id === null ? [] : truth.life(entry.id)?.states ?? [];
  const equal = states.filter((state) => isListedAs(state, place, entry));
  if (equal.length === 0) return lie(`${place} (${entry.id}) never was as ${told(entry)}`);
  if (!equal.some(({ from, to }) => mayTouch(span, from, to))) {
    return lie(
      `${entry.id} was so before or after the run: ${describe(place, entry, span, truth)}`,
    );
  }
  return bytesUntruth(place, entry.key, equal[0]!, held) ?? notRead(place, entry, truth);
}

/** What could not be had: the version wanted was there, and what is held in its stead was, once. */
function untruthOfMarked(
  place: string,
  entry: Entry,
  span: Span,
  truth: Truth,
  held: HeldDigests,
): Untruth | undefined {
  if (!entry.code) return lie(`${place} has no bytes of its own and does not say why`);
  const wanted = entry.wanted_version ?? entry.version;
  if (!statesAt(place, truth).some((state) => isWanted(state, wanted, span))) {
    return lie(`${place} is said to have been of version ${wanted}, which it was not`);
  }
  if (entry.key === undefined) return undefined;
  const former = statesAt(place, truth).find(({ row }) => row.version === entry.version);
  if (!former) return lie(`${place} is held as version ${entry.version}, which it never had`);
  return bytesUntruth(place, entry.key, former, held);
}

function isWanted({ row, from, to }: ObjectState, version: string, span: Span): boolean {
  return row.version === version && mayTouch(span, from, to);
}

function statesAt(place: string, truth: Truth): ObjectState[] {
  return truth.tenants(place).flatMap(({ states }) =>
    states.filter(({ row }) => placeOf(row) === place)
  );
}

/** The objects that are listed somewhere without their bytes, because these could not be had. */
function unreadIds({ entries }: Snapshot, truth: Truth): ReadonlySet<string> {
  const marked = [...entries].filter(([, { code }]) => code !== undefined);
  return new Set(marked.flatMap(([place, entry]) => idsOf(place, entry, truth)));
}

/** Of an object that was re-created, what is held may be of the former one and what is wanted not. */
function idsOf(place: string, entry: Entry, truth: Truth): string[] {
  if (entry.wanted_version === undefined) return entry.id === null ? [] : [entry.id];
  return statesAt(place, truth).filter(({ row }) => row.version === entry.wanted_version)
    .slice(-1).map(({ row }) => row.id);
}

function bytesUntruth(
  place: string,
  key: string,
  state: ObjectState,
  held: HeldDigests,
): Untruth | undefined {
  if (held.get(key) === state.sha256) return undefined;
  return { promise: "no_missing_bytes", message: `${place}: ${key} has other bytes than it had` };
}

/** Bytes that lie under the key of another place or version were not read under this name. */
function notRead(place: string, { key, version, assumed }: Entry, truth: Truth) {
  if (assumed || key!.startsWith("data/~/") || key!.startsWith(`data/${place}/${version}`)) {
    return undefined;
  }
  if (truth.restored.has(place)) return undefined;
  return { promise: "assumed_marked", message: `${place} is held as ${key}` } as const;
}

/** Every object that lived through the run must be there. */
function missing(listed: ReadonlyMap<string, string>, span: Span, truth: Truth): Untruth[] {
  const untruths: Untruth[] = [];
  for (const { id, born, gone, states } of truth.lives()) {
    if (listed.has(id) || !surelyCovers(span, born, gone)) continue;
    const places = states.filter(({ from, to }) => mayTouch(span, from, to))
      .map(({ row }) => placeOf(row));
    untruths.push(
      lie(`${id} lived through the run and is not listed; it was ${places.join(", ")}`),
    );
  }
  return untruths;
}

function missingBuckets({ document }: Snapshot, span: Span, truth: Truth): Untruth[] {
  const listed = document.buckets.map(({ id }) => id);
  return truth.buckets
    .filter(({ id, born, gone }) => surelyCovers(span, born, gone) && !listed.includes(id))
    .map(({ id }) => lie(`bucket ${id} lived through the run and is not listed`));
}

/** Only what the source itself could not give leaves a snapshot complete. */
function wronglyComplete({ document, entries }: Snapshot, truth: Truth): Untruth[] {
  if (document.state !== "complete") return [];
  const untruths: Untruth[] = [];
  for (const [place, { wanted_version: wanted, code }] of entries) {
    if (wanted === undefined) continue;
    const states = statesAt(place, truth).filter(({ row }) => row.version === wanted);
    if (states.some(({ bytesLost }) => bytesLost !== undefined)) continue;
    untruths.push(lie(`the snapshot is complete, but ${place} could be had (${code})`));
  }
  return untruths;
}

/** Whether an entry is what a restore needs to bring this state back. */
function isListedAs({ row }: ObjectState, place: string, entry: Entry): boolean {
  return placeOf(row) === place && isDeepStrictEqual(factsOfEntry(entry), factsOfRow(row));
}

/** An entry, and all that its object was. */
function describe(place: string, entry: Entry, span: Span, truth: Truth): string {
  const { id, key, assumed, wanted_version: wanted, code } = entry;
  const life = id === null ? undefined : truth.life(id);
  const states = life?.states.map((state) => `${placeOf(state.row)} ${times(span, state)}`) ?? [];
  return `${place} as ${JSON.stringify({ key, assumed, wanted, code })}, of ${
    states.join(" and ")
  }`;
}

/** When a state was so, in seconds from the start of a run that took so many. */
function times(span: Span, { from, to }: ObjectState): string {
  const end = to === undefined ? "on" : `to ${seconds(span, to.before)}`;
  return `from ${seconds(span, from.after)} ${end} of ${seconds(span, span.end)} s`;
}

function seconds(span: Span, time: number): string {
  return ((time - span.start) / 1000).toFixed(2);
}

function told({ version, size, type, user_metadata: metadata, owner_id: owner }: Entry): string {
  return JSON.stringify({ version, size, type, user_metadata: metadata, owner_id: owner });
}

function lie(message: string): Untruth {
  return { promise: "tells_the_truth", message };
}
