import assert from "node:assert/strict";
import { isSteady } from "../../soak/world/heap.ts";

Deno.test("a level within a tenth of the one before is steady; the first is warming up", () => {
  assert.ok(isSteady(levels()));
  assert.ok(isSteady(levels(10, 20)));
  assert.ok(isSteady(levels(10, 20, 21.9, 20)));
  assert.ok(!isSteady(levels(10, 20, 22.1)));
  assert.ok(!isSteady(levels(10, 20, 17.9)));
});

function levels(...medians: number[]) {
  return medians.map((median) => ({ median }));
}
