import assert from "node:assert/strict";
import fc from "fast-check";
import { mapConcurrent } from "../../../../../../supabase/functions/_holdfast/lib/concurrency/map_concurrent.ts";
import { Semaphore } from "../../../../../../supabase/functions/_holdfast/lib/concurrency/semaphore.ts";

/** Resolves after so many microtasks: an order without a clock. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}

interface Item {
  weight: number;
  turns: number;
}

const items = fc.array(fc.record({ weight: fc.nat(12), turns: fc.nat(20) }), { maxLength: 40 });
const weigh = (item: Item) => item.weight;

/** Records the calls that run at once. */
class Watch {
  items = 0;
  weight = 0;
  mostItems = 0;
  /** The greatest total weight of two or more calls with a weight. */
  mostWeight = 0;
  #weighty = 0;

  async act(item: Item): Promise<Item> {
    const weighty = item.weight > 0 ? 1 : 0;
    this.items++;
    this.#weighty += weighty;
    this.weight += item.weight;
    this.mostItems = Math.max(this.mostItems, this.items);
    if (this.#weighty > 1) this.mostWeight = Math.max(this.mostWeight, this.weight);
    await turns(item.turns);
    this.items--;
    this.#weighty -= weighty;
    this.weight -= item.weight;
    return item;
  }
}

Deno.test("results are in the order of the items, and no limit is exceeded", async () => {
  await fc.assert(
    fc.asyncProperty(
      items,
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 15 }),
      async (all, most, weight) => {
        const watch = new Watch();
        const results = await mapConcurrent(
          all,
          { items: most, weight: new Semaphore(weight) },
          weigh,
          (item) => watch.act(item),
        );
        assert.deepEqual(results, all);
        assert.ok(watch.mostItems <= most, `${watch.mostItems} items at once`);
        assert.ok(watch.mostWeight <= weight, `a weight of ${watch.mostWeight} at once`);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("as many items as allowed run at once", async () => {
  const watch = new Watch();
  const all = Array.from({ length: 20 }, () => ({ weight: 1, turns: 10 }));
  await mapConcurrent(
    all,
    { items: 4, weight: new Semaphore(100) },
    weigh,
    (item) => watch.act(item),
  );
  assert.equal(watch.mostItems, 4);
});

Deno.test("an item heavier than the limit runs alone", async () => {
  const watch = new Watch();
  const all = [1, 99, 1, 99, 99].map((weight) => ({ weight, turns: 5 }));
  await mapConcurrent(
    all,
    { items: 4, weight: new Semaphore(10) },
    weigh,
    (item) => watch.act(item),
  );
  assert.ok(watch.mostWeight <= 10);
});

Deno.test("the first error is thrown after all running calls have ended", async () => {
  await fc.assert(
    fc.asyncProperty(
      items.filter((all) => all.length > 0),
      fc.array(fc.nat(39), { minLength: 1, maxLength: 4 }),
      async (all, locations) => {
        const failing = new Set(locations.map((location) => location % all.length));
        const watch = new Watch();
        const failed: number[] = [];
        const begun: number[] = [];
        const outcome = mapConcurrent(
          all.map((item, index) => ({ ...item, index })),
          { items: 3, weight: new Semaphore(20) },
          weigh,
          async (item) => {
            begun.push(item.index);
            await watch.act(item);
            if (!failing.has(item.index)) return;
            failed.push(item.index);
            throw new Error(`item ${item.index}`);
          },
        );
        await assert.rejects(outcome, (error: Error) => {
          assert.equal(error.message, `item ${failed[0]}`);
          return true;
        });
        assert.equal(watch.items, 0);
        assert.deepEqual(begun, begun.map((_, index) => index), "taken in order");
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("after an error no more items are taken", async () => {
  const begun: number[] = [];
  const all = Array.from({ length: 50 }, (_, index) => index);
  const outcome = mapConcurrent(all, { items: 2 }, () => 0, async (index) => {
    begun.push(index);
    await turns(20);
    if (index === 3) throw new Error("boom");
  });
  await assert.rejects(outcome, /boom/);
  // One call may have started before the error is seen.
  assert.ok(begun.length <= 6, `${begun.length} were begun`);
});

Deno.test("errors of the weight function and of a synchronous throw are thrown, too", async () => {
  const boom = () => {
    throw new Error("boom");
  };
  await assert.rejects(
    mapConcurrent([1], { items: 1, weight: new Semaphore(1) }, boom, turns),
    /boom/,
  );
  await assert.rejects(
    mapConcurrent([1], { items: 1, weight: new Semaphore(1) }, () => 1, boom),
    /boom/,
  );
});

Deno.test("when `enough` is true no more items are taken, and the taken ones complete", async () => {
  await fc.assert(fc.asyncProperty(items, fc.nat(50), async (all, until) => {
    const asked: unknown[] = [];
    const results = await mapConcurrent(
      all,
      { items: 3, weight: new Semaphore(20), enough: (next) => asked.push(next) > until },
      weigh,
      async (item) => {
        await turns(item.turns);
        return item;
      },
    );
    // `enough` is not called for the first item: an empty page would make no progress.
    assert.deepEqual(results, all.slice(0, until + 1));
    assert.deepEqual(asked, all.slice(1, until + 2), "asked of the next one each time");
  }));
});

Deno.test("no items give no results", async () => {
  const limits = { items: 1, weight: new Semaphore(1), enough: () => true };
  assert.deepEqual(await mapConcurrent([], limits, () => 1, turns), []);
});

Deno.test("the concurrency limit is read again before each item", async () => {
  const watch = new Watch();
  const all = Array.from({ length: 40 }, () => ({ weight: 0, turns: 30 }));
  let atOnce = 8;
  await mapConcurrent(all.slice(0, 8), { items: () => atOnce }, weigh, (item) => watch.act(item));
  assert.equal(watch.mostItems, 8);
  watch.mostItems = 0;
  atOnce = 2;
  await mapConcurrent(all, { items: () => atOnce }, weigh, (item) => watch.act(item));
  assert.equal(watch.mostItems, 2);
});

Deno.test("each item except the first waits for the rate", async () => {
  const seen: string[] = [];
  await mapConcurrent(
    ["a", "b", "c"],
    {
      items: 3,
      waitForRate: async () => {
        await turns(5);
        seen.push("turn");
      },
    },
    () => 0,
    (item) => {
      seen.push(item);
      return Promise.resolve();
    },
  );
  assert.deepEqual(seen, ["a", "turn", "b", "turn", "c"]);
});
