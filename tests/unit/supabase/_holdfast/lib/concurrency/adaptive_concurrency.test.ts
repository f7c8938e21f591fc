import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Concurrency,
  createConcurrency,
} from "../../../../../../supabase/functions/_holdfast/lib/concurrency/adaptive_concurrency.ts";

const MOST = 32;

/** Answers until the limit has changed so often, or for so many rounds; tells each limit met. */
function answer(concurrency: Concurrency, latencyMs: number, rounds: number): number[] {
  const limits: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const limit = concurrency.limit();
    for (let one = 0; one < Math.max(8, limit); one++) concurrency.answered(latencyMs);
    limits.push(concurrency.limit());
  }
  return limits;
}

Deno.test("it begins with all that may go, and keeps to that while answers are as quick as ever", () => {
  const concurrency = createConcurrency(MOST);
  assert.equal(concurrency.limit(), MOST);
  assert.deepEqual(new Set(answer(concurrency, 100, 50)), new Set([MOST]));
});

Deno.test("it halves when the median has doubled, and not before", () => {
  const concurrency = createConcurrency(MOST);
  answer(concurrency, 100, 3);
  assert.deepEqual(answer(concurrency, 190, 1), [MOST]);
  assert.deepEqual(answer(concurrency, 250, 1), [MOST / 2]);
});

Deno.test("single slow answers do not count: the median does", () => {
  const concurrency = createConcurrency(MOST);
  answer(concurrency, 100, 2);
  for (let round = 0; round < 20; round++) {
    for (let one = 0; one < MOST; one++) concurrency.answered(one < 15 ? 60_000 : 100);
  }
  assert.equal(concurrency.limit(), MOST);
});

Deno.test("what was sent before a halving does not halve again", () => {
  const concurrency = createConcurrency(MOST);
  answer(concurrency, 100, 3);
  answer(concurrency, 1_000, 1);
  for (let late = 0; late < MOST; late++) concurrency.answered(1_000);
  assert.equal(concurrency.limit(), MOST / 2);
  for (let one = 0; one < MOST / 2; one++) concurrency.answered(1_000);
  assert.equal(concurrency.limit(), MOST / 4, "and what was sent behind it does");
});

Deno.test("it recovers by one a window", () => {
  const concurrency = createConcurrency(MOST);
  answer(concurrency, 100, 3);
  answer(concurrency, 1_000, 1);
  for (let late = 0; late < MOST; late++) concurrency.answered(1_000);
  const limits = answer(concurrency, 100, 20);
  assert.deepEqual(limits.slice(0, 4), [17, 18, 19, 20]);
  assert.equal(limits.at(-1), MOST);
});

Deno.test("a server that says that it is busy halves it, once for all that it says so at once", () => {
  const concurrency = createConcurrency(MOST);
  for (let one = 0; one < MOST; one++) concurrency.busy();
  assert.equal(concurrency.limit(), MOST / 2);
  concurrency.busy();
  assert.equal(concurrency.limit(), MOST / 2, "the last of those that were under way");
  concurrency.busy();
  assert.equal(concurrency.limit(), MOST / 4);
});

Deno.test("answers within the event loop's own noise are all equal", () => {
  const concurrency = createConcurrency(MOST);
  answer(concurrency, 1, 3);
  assert.deepEqual(new Set(answer(concurrency, 24, 20)), new Set([MOST]));
});

Deno.test("a server that became slower for good is not held back for ever", () => {
  const concurrency = createConcurrency(MOST);
  answer(concurrency, 100, 3);
  const limits = answer(concurrency, 300, 200);
  assert.equal(Math.min(...limits), 2);
  assert.equal(limits.at(-1), MOST);
});

Deno.test("whatever is answered, it is from two to all", () => {
  const events = fc.array(fc.oneof(fc.constant("busy" as const), fc.nat(10_000)), {
    maxLength: 2_000,
  });
  fc.assert(fc.property(events, fc.integer({ min: 2, max: 64 }), (all, most) => {
    const concurrency = createConcurrency(most);
    for (const event of all) {
      if (event === "busy") concurrency.busy();
      else concurrency.answered(event);
      const limit = concurrency.limit();
      assert.ok(Number.isInteger(limit) && limit >= 2 && limit <= most, `${limit}`);
    }
  }));
});
