import assert from "node:assert/strict";
import {
  type Budget,
  CPU_MS,
  createBudget,
  PAGE_MS,
  PAGE_OBJECTS,
  pageClock,
  pageObjects,
} from "../../../../../supabase/functions/_holdfast/engine/budget.ts";
import { TestClock } from "../../test_clock.ts";

/** An isolate whose time and CPU the test controls. */
function measured() {
  const clock = new TestClock();
  const cpu = { ms: 123_456 };
  return { budget: createBudget({ clock, cpu: () => cpu.ms }), clock, cpu };
}

/** An isolate without measured CPU. */
const estimated = () => createBudget({ clock: new TestClock() });

/** The CPU of loading, which cannot be measured. */
const LOADING_MS = 100;

/** The platform sends no more requests to an isolate above this CPU. */
const SOFT_LIMIT_MS = 1_000;

/** The estimate of bytes that are copied per millisecond of CPU. */
const MILLISECOND_BYTES = 125_000;

/** Charges work, millisecond by millisecond, until the budget is spent. Returns the milliseconds. */
function millisecondsUntilSpent(budget: Budget): number {
  let milliseconds = 0;
  for (; !budget.exhausted(); milliseconds++) budget.charge(0, MILLISECOND_BYTES);
  return milliseconds;
}

Deno.test("40 s after its load an isolate leases no more cursors", () => {
  const { budget, clock } = measured();
  clock.advance(39_999);
  assert.equal(budget.exhausted(), false);
  clock.advance(1);
  assert.equal(budget.exhausted(), true);
});

Deno.test("an isolate leases for the lifetime that other isolates reached, and at least for the guaranteed time", () => {
  const { budget, clock } = measured();
  assert.equal(budget.ageSeconds(), 0);
  budget.setLifetime(60);
  clock.advance(59_999);
  assert.equal(budget.exhausted(), false);
  clock.advance(1);
  assert.equal(budget.exhausted(), true);
  assert.equal(budget.ageSeconds(), 60);
  budget.setLifetime(90);
  assert.equal(budget.exhausted(), false);
  budget.setLifetime(44);
  assert.equal(budget.exhausted(), true, "one that died meanwhile shortens it");

  const young = measured();
  young.budget.setLifetime(1);
  young.clock.advance(39_999);
  assert.equal(young.budget.exhausted(), false);
});

Deno.test("a request that reaches an isolate proves that its age is below half of its lifetime", () => {
  const { budget, clock } = measured();
  clock.advance(60_000);
  assert.equal(budget.exhausted(), true);
  assert.equal(budget.admit(), true);
  clock.advance(47_999);
  assert.equal(budget.exhausted(), false, "108 s, where a limit below 120 would have retired it");
  clock.advance(1);
  assert.equal(budget.exhausted(), true);

  const young = measured();
  young.clock.advance(1_000);
  young.budget.admit();
  young.clock.advance(38_999);
  assert.equal(young.budget.exhausted(), false, "it shortens no life");
});

Deno.test("measured CPU ends leasing between the platform's soft and hard limits", () => {
  const { budget, cpu } = measured();
  cpu.ms += CPU_MS - LOADING_MS - 1;
  assert.equal(budget.exhausted(), false);
  cpu.ms += 1;
  assert.equal(budget.exhausted(), true);
  assert.ok(CPU_MS > SOFT_LIMIT_MS && CPU_MS < 2 * SOFT_LIMIT_MS);
});

Deno.test("measured CPU replaces the charged estimate", () => {
  const { budget } = measured();
  budget.charge(100_000, 1e12);
  assert.equal(budget.exhausted(), false);
});

Deno.test("if CPU cannot be measured, it is estimated from objects and bytes", () => {
  assert.equal(millisecondsUntilSpent(estimated()), CPU_MS - LOADING_MS);
  const objects = estimated();
  objects.charge(4_000, 0);
  assert.equal(objects.exhausted(), false);
  objects.charge(1_000, 0);
  assert.equal(objects.exhausted(), true);
});

Deno.test("work beyond the remaining budget is left to another isolate", () => {
  for (const make of [() => measured().budget, estimated]) {
    const budget = make();
    const left = (CPU_MS - LOADING_MS) * MILLISECOND_BYTES;
    assert.equal(budget.canAfford(0, left), true);
    assert.equal(budget.exhausted(), false, "asking costs nothing");
    assert.equal(budget.canAfford(0, left + MILLISECOND_BYTES), false);
    assert.equal(budget.exhausted(), true, "it hands on");
    assert.equal(budget.admit(), true);
    assert.equal(budget.exhausted(), false, "the platform has use for it");
  }
});

Deno.test("a request that reaches an isolate proves that its CPU is below the soft limit", () => {
  const budget = estimated();
  millisecondsUntilSpent(budget);
  assert.equal(budget.admit(), true);
  assert.equal(millisecondsUntilSpent(budget), CPU_MS - SOFT_LIMIT_MS);
  assert.equal(budget.admit(), true);
  assert.equal(
    millisecondsUntilSpent(budget),
    CPU_MS - SOFT_LIMIT_MS,
    "so on where none limits it",
  );

  const fresh = estimated();
  fresh.admit();
  assert.equal(millisecondsUntilSpent(fresh), CPU_MS - LOADING_MS, "it takes none from others");
});

Deno.test("the CPU budget can be set", () => {
  const { budget, cpu } = measured();
  budget.allowCpu(1_900);
  cpu.ms += 1_900 - LOADING_MS - 1;
  assert.equal(budget.exhausted(), false);
  cpu.ms += 1;
  assert.equal(budget.exhausted(), true);
});

Deno.test("a lower CPU budget also lowers the assumed soft limit", () => {
  const budget = estimated();
  budget.allowCpu(300);
  assert.equal(millisecondsUntilSpent(budget), 300 - LOADING_MS);
  budget.admit();
  assert.equal(millisecondsUntilSpent(budget), 100);
});

Deno.test("an isolate that is about to end has no budget any more", () => {
  const { budget } = measured();
  budget.close();
  assert.equal(budget.exhausted(), true);
  assert.equal(budget.admit(), false);
  assert.equal(budget.exhausted(), true);
});

Deno.test("a page's time limit ends the page", () => {
  const clock = new TestClock();
  const up = pageClock(clock);
  clock.advance(PAGE_MS - 1);
  assert.equal(up(), false);
  clock.advance(1);
  assert.equal(up(), true);
});

Deno.test("a worker in careful mode has pages of one object", () => {
  assert.equal(pageObjects({ isolation_mode: false }), PAGE_OBJECTS);
  assert.equal(pageObjects({ isolation_mode: true }), 1);
});
