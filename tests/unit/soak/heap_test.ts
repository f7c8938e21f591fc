import assert from "node:assert/strict";
import { isSteady } from "../../soak/environment/heap.ts";

/** Isolates whose peaks lie evenly, half of them within so much of the level. */
const ISOLATES = 30;
const SPREAD = 0.2;

Deno.test("a level within a tenth of the one before is steady; the first is warming up", () => {
  assert.ok(isSteady(levels(0)));
  assert.ok(isSteady(levels(0, 10, 20)));
  assert.ok(isSteady(levels(0, 10, 20, 21.9, 20)));
  assert.ok(!isSteady(levels(0, 10, 20, 22.1)));
  assert.ok(!isSteady(levels(0, 10, 20, 17.9)));
});

Deno.test("what chance does to a few isolates is no change of the level", () => {
  assert.ok(isSteady(levels(SPREAD, 10, 20, 22.1)));
  assert.ok(isSteady(levels(SPREAD, 10, 20, 17.9)));
  assert.ok(!isSteady(levels(SPREAD, 10, 20, 26)));
  assert.ok(!isSteady(levels(SPREAD, 10, 20, 15)));
});

function levels(spread: number, ...medians: number[]) {
  return medians.map((median) => ({
    median,
    peaks: Array.from(
      { length: ISOLATES },
      (_, index) => median * (1 + spread * (4 * index / (ISOLATES - 1) - 2)),
    ),
  }));
}
