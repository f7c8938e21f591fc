import assert from "node:assert/strict";
import {
  createBudget,
  PAGE_MS,
  pageClock,
} from "../../../../../supabase/functions/_holdfast/engine/budget.ts";

/** A clock that a test sets. */
function clock() {
  const time = { ms: 123_456 };
  return { time, now: () => time.ms };
}

Deno.test("a slice hands on after 40 s, counted from its own beginning", () => {
  const { time, now } = clock();
  const budget = createBudget(now);
  time.ms += 39_999;
  assert.equal(budget.spent(), false);
  time.ms += 1;
  assert.equal(budget.spent(), true);
});

Deno.test("a slice hands on when the CPU that it was charged nears what the platform gives", () => {
  const { now } = clock();
  const objects = createBudget(now);
  objects.charge(2_399, 0);
  assert.equal(objects.spent(), false);
  objects.charge(1, 0);
  assert.equal(objects.spent(), true);

  const bytes = createBudget(now);
  bytes.charge(0, 299_000_000);
  assert.equal(bytes.spent(), false);
  bytes.charge(0, 1_000_001);
  assert.equal(bytes.spent(), true);
});

Deno.test("a page's clock is up after its time", () => {
  const { time, now } = clock();
  const up = pageClock(now);
  time.ms += PAGE_MS - 1;
  assert.equal(up(), false);
  time.ms += 1;
  assert.equal(up(), true);
});
