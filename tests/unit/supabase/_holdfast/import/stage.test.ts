import assert from "node:assert/strict";
import fc from "fast-check";
import { partsToApply } from "../../../../../supabase/functions/_holdfast/import/stage.ts";
import type { ListPart } from "../../../../../supabase/functions/_holdfast/repository/formats.ts";

function part(kind: "full" | "changes", sequence: number): ListPart {
  return { key: `${kind} ${sequence}`, kind, sequence, entries: 1, bytes: 1 };
}

const PARTS = [part("full", 5), part("full", 5), part("changes", 6), part("changes", 9)];

const keys = (base: number | null, parts = PARTS) =>
  partsToApply(parts, base).map(({ key }) => key);

Deno.test("a catalog that knows nothing takes all parts", () => {
  assert.deepEqual(keys(null), ["full 5", "full 5", "changes 6", "changes 9"]);
});

Deno.test("a catalog that knows the full listing takes the changes past what it knows", () => {
  assert.deepEqual(keys(5), ["changes 6", "changes 9"]);
  assert.deepEqual(keys(6), ["changes 9"]);
  // Sequences have gaps: 7 and 8 were abandoned.
  assert.deepEqual(keys(7), ["changes 9"]);
  assert.deepEqual(keys(9), []);
});

Deno.test("a catalog from before the full listing starts over with it", () => {
  assert.deepEqual(keys(4), ["full 5", "full 5", "changes 6", "changes 9"]);
});

Deno.test("an empty snapshot has no parts to apply", () => {
  assert.deepEqual(keys(null, []), []);
  assert.deepEqual(keys(3, []), []);
});

type Lines = Map<string, number>;

/** What a listing says after the parts: the names, each with the sequence that put it. */
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

Deno.test("from whichever snapshot a catalog starts, it arrives at the same listing", () => {
  const change = fc.tuple(fc.constantFrom("a", "b", "c", "d"), fc.boolean());
  const seals = fc.array(
    fc.record({ changes: fc.array(change, { maxLength: 4 }), full: fc.boolean(), gap: fc.nat(2) }),
    { minLength: 1, maxLength: 8 },
  );
  fc.assert(
    fc.property(seals, fc.nat(), (sealed, start) => {
      const lines = new Map<string, Lines>();
      const snapshots: { sequence: number; parts: ListPart[]; state: Lines }[] = [];
      let state: Lines = new Map();
      let sequence = 0;
      for (const { changes, full, gap } of sealed) {
        sequence += 1 + gap;
        const before = snapshots.at(-1);
        const page: Lines = new Map(changes.map(([name, put]) => [name, put ? sequence : -1]));
        state = apply([part("changes", sequence)], new Map([[`changes ${sequence}`, page]]), state);
        const kind = full || !before ? "full" : "changes";
        lines.set(`${kind} ${sequence}`, kind === "full" ? new Map(state) : page);
        const parts = kind === "full" ? [] : before!.parts;
        snapshots.push({ sequence, parts: [...parts, part(kind, sequence)], state });
      }
      const last = snapshots.at(-1)!;
      const base = snapshots[start % snapshots.length]!;
      for (const [sequence, from] of [[null, new Map()], [base.sequence, base.state]] as const) {
        const arrived = apply(partsToApply(last.parts, sequence), lines, from);
        assert.deepEqual([...arrived].sort(), [...last.state].sort());
      }
    }),
    { numRuns: 500 },
  );
});
