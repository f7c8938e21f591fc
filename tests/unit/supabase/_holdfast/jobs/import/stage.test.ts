import assert from "node:assert/strict";
import fc from "fast-check";
import { partsToApply } from "../../../../../../supabase/functions/_holdfast/jobs/import/stage.ts";
import type { ListPart } from "../../../../../../supabase/functions/_holdfast/repository/formats.ts";

function part(kind: "full" | "changes", sequence: number): ListPart {
  return { key: `${kind} ${sequence}`, kind, sequence, entries: 1, bytes: 1 };
}

const PARTS = [part("full", 5), part("full", 5), part("changes", 6), part("changes", 9)];

const keys = (base: number | null, parts = PARTS) =>
  partsToApply(parts, base).map(({ key }) => key);

Deno.test("an empty catalog applies all parts", () => {
  assert.deepEqual(keys(null), ["full 5", "full 5", "changes 6", "changes 9"]);
});

Deno.test("a catalog that has the full listing applies only the later changes", () => {
  assert.deepEqual(keys(5), ["changes 6", "changes 9"]);
  assert.deepEqual(keys(6), ["changes 9"]);
  // Sequences have gaps: 7 and 8 were abandoned.
  assert.deepEqual(keys(7), ["changes 9"]);
  assert.deepEqual(keys(9), []);
});

Deno.test("a catalog older than the full listing starts over with the full listing", () => {
  assert.deepEqual(keys(4), ["full 5", "full 5", "changes 6", "changes 9"]);
});

Deno.test("an empty snapshot has no parts to apply", () => {
  assert.deepEqual(keys(null, []), []);
  assert.deepEqual(keys(3, []), []);
});

Deno.test("a catalog of a snapshot outside this snapshot's history starts over", () => {
  const known = ["full 5", "full 5", "changes 6", "changes 7"];
  assert.deepEqual(partsToApply(PARTS, 7, known), PARTS);
  assert.deepEqual(partsToApply(PARTS, 5, ["full 5"]), PARTS);
  assert.deepEqual(partsToApply(PARTS, 5, ["full 4", "full 5"]), PARTS);
  assert.deepEqual(partsToApply(PARTS, 6, known.slice(0, 3)), PARTS.slice(3));
});

type Lines = Map<string, number>;

/** The listing after the parts: each name with the sequence that wrote it. */
function apply(parts: readonly ListPart[], lines: Map<string, Lines>, from: Lines): Lines {
  const state = new Map(from);
  if (parts[0]?.kind === "full") state.clear();
  for (const { key } of parts) {
    for (const [name, sequence] of lines.get(key) ?? []) {
      if (sequence < 0) state.delete(name);
      else state.set(name, sequence);
    }
  }
  return state;
}

interface Sealed {
  sequence: number;
  parts: ListPart[];
  state: Lines;
}

const change = fc.tuple(fc.constantFrom("a", "b", "c", "d"), fc.boolean());
const seals = fc.array(
  fc.record({
    changes: fc.array(change, { maxLength: 4 }),
    full: fc.boolean(),
    gap: fc.nat(2),
    /**
     * Whether its record arrives after the next snapshot is sealed, which then does not build on
     * it.
     */
    delayed: fc.boolean(),
  }),
  { minLength: 1, maxLength: 8 },
);
type Seals = typeof seals extends fc.Arbitrary<infer Values> ? Values : never;

/** Returns the snapshots of a log, and the lines of all their parts. */
function sealAll(sealed: Seals): { snapshots: Sealed[]; lines: Map<string, Lines> } {
  const lines = new Map<string, Lines>();
  const snapshots: Sealed[] = [];
  let known: Sealed | undefined;
  let sequence = 0;
  for (const { changes, full, gap, delayed } of sealed) {
    sequence += 1 + gap;
    const page: Lines = new Map(changes.map(([name, put]) => [name, put ? sequence : -1]));
    const pages = new Map([[`changes ${sequence}`, page]]);
    const state = apply([part("changes", sequence)], pages, known?.state ?? new Map());
    const kind = full || !known ? "full" : "changes";
    lines.set(`${kind} ${sequence}`, kind === "full" ? new Map(state) : page);
    const inherited = kind === "full" ? [] : known!.parts;
    const snapshot = { sequence, parts: [...inherited, part(kind, sequence)], state };
    snapshots.push(snapshot);
    if (!delayed) known = snapshot;
  }
  return { snapshots, lines };
}

Deno.test("a catalog ends at the same listings from every starting snapshot", () => {
  fc.assert(
    fc.property(seals, fc.nat(), (sealed, start) => {
      const { snapshots, lines } = sealAll(sealed);
      let base: Sealed | undefined;
      for (const snapshot of snapshots.slice(start % snapshots.length)) {
        const baseParts = base?.parts.map(({ key }) => key);
        const parts = partsToApply(snapshot.parts, base?.sequence ?? null, baseParts);
        const arrived = apply(parts, lines, base?.state ?? new Map());
        assert.deepEqual([...arrived].sort(), [...snapshot.state].sort());
        base = snapshot;
      }
      const last = snapshots.at(-1)!;
      const from = snapshots[start % snapshots.length]!;
      const parts = partsToApply(last.parts, from.sequence, from.parts.map(({ key }) => key));
      const arrived = apply(parts, lines, from.state);
      assert.deepEqual([...arrived].sort(), [...last.state].sort());
    }),
    { numRuns: 500 },
  );
});
