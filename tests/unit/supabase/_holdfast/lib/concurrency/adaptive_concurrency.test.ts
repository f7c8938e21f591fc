import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Concurrency,
  createConcurrency,
} from "../../../../../../supabase/functions/_holdfast/lib/concurrency/adaptive_concurrency.ts";

const MOST = 32;

/** Answers until the limit has changed so often, or for so many rounds. Returns each limit. */
function answer(concurrency: Concurrency, latencyMs: number, rounds: number): number[] {
  const limits: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const limit = concurrency.limit();
    for (let one = 0; one < Math.max(8, limit); one++) concurrency.answered(latencyMs);
    limits.push(concurrency.limit());
  }
  return limits;
}

Deno.test("it begins at the maximum and stays there while latency does not rise", () => {
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

Deno.test("the median counts, not single slow responses", () => {
  const concurrency = createConcurrency(MOST);
  answer(concurrency, 100, 2);
  for (let round = 0; round < 20; round++) {
    for (let one = 0; one < MOST; one++) concurrency.answered(one < 15 ? 60_000 : 100);
  }
  assert.equal(concurrency.limit(), MOST);
});

Deno.test("requests sent before a halving do not cause another one", () => {
  const concurrency = createConcurrency(MOST);
  answer(concurrency, 100, 3);
  answer(concurrency, 1_000, 1);
  for (let slow = 0; slow < MOST; slow++) concurrency.answered(1_000);
  assert.equal(concurrency.limit(), MOST / 2);
  for (let one = 0; one < MOST / 2; one++) concurrency.answered(1_000);
  assert.equal(concurrency.limit(), MOST / 4, "and what was sent behind it does");
});

Deno.test("it recovers by one per window", () => {
  const concurrency = createConcurrency(MOST);
  answer(concurrency, 100, 3);
  answer(concurrency, 1_000, 1);
  for (let slow = 0; slow < MOST; slow++) concurrency.answered(1_000);
  const limits = answer(concurrency, 100, 20);
  assert.deepEqual(limits.slice(0, 4), [17, 18, 19, 20]);
  assert.equal(limits.at(-1), MOST);
});

Deno.test("a busy response halves it, and simultaneous busy responses count once", () => {
  const concurrency = createConcurrency(MOST);
  for (let one = 0; one < MOST; one++) concurrency.busy();
  assert.equal(concurrency.limit(), MOST / 2);
  concurrency.busy();
  assert.equal(concurrency.limit(), MOST / 2, "the last of those that were under way");
  concurrency.busy();
  assert.equal(concurrency.limit(), MOST / 4);
});

Deno.test("latencies within the event loop's noise count as equal", () => {
  const concurrency = createConcurrency(MOST);
  answer(concurrency, 1, 3);
  assert.deepEqual(new Set(answer(concurrency, 24, 20)), new Set([MOST]));
});

Deno.test("a permanently slower server gets the full concurrency again", () => {
  const concurrency = createConcurrency(MOST);
  answer(concurrency, 100, 3);
  const limits = answer(concurrency, 300, 200);
  assert.equal(Math.min(...limits), 2);
  assert.equal(limits.at(-1), MOST);
});

Deno.test("for all responses it stays between two and the maximum", () => {
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
