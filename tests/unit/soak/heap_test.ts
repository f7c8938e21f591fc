import assert from "node:assert/strict";
import { isSteady } from "../../soak/environment/heap.ts";

/** Isolates with evenly distributed peaks, half of them within this distance of the level. */
const ISOLATES = 30;
const SPREAD = 0.2;

Deno.test("a level within 10% of the previous one is steady; the first one is the warm-up", () => {
  assert.ok(isSteady(levels(0)));
  assert.ok(isSteady(levels(0, 10, 20)));
  assert.ok(isSteady(levels(0, 10, 20, 21.9, 20)));
  assert.ok(!isSteady(levels(0, 10, 20, 22.1)));
  assert.ok(!isSteady(levels(0, 10, 20, 17.9)));
});

Deno.test("random variation of a few isolates is not a change of the level", () => {
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
