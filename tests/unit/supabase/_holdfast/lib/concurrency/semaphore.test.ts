import assert from "node:assert/strict";
import fc from "fast-check";
import { Semaphore } from "../../../../../../supabase/functions/_holdfast/lib/concurrency/semaphore.ts";

Deno.test("holders never exceed the capacity, except one heavier holder that runs alone", async () => {
  const comers = fc.array(fc.record({ weight: fc.nat(12), turns: fc.nat(10) }), { maxLength: 40 });
  await fc.assert(fc.asyncProperty(comers, fc.integer({ min: 1, max: 10 }), async (all, most) => {
    const semaphore = new Semaphore(most);
    const within: number[] = [];
    const entered: number[] = [];
    await Promise.all(all.map(async ({ weight, turns }, index) => {
      const leave = await semaphore.enter(weight);
      entered.push(index);
      within.push(weight);
      const sum = within.reduce((one, other) => one + other);
      const inside = within.filter((other) => other > 0).length;
      assert.ok(sum <= most || inside === 1, `${within} within ${most}`);
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      within.splice(within.indexOf(weight), 1);
      leave();
    }));
    assert.deepEqual(entered, all.map((_, index) => index), "in the order in which they came");
  }));
});

Deno.test("a waiting holder enters as soon as there is capacity", async () => {
  const semaphore = new Semaphore(10);
  const leaveFirst = await semaphore.enter(6);
  let entered = false;
  const second = semaphore.enter(6).then((leave) => {
    entered = true;
    return leave;
  });
  await Promise.resolve();
  assert.equal(entered, false);
  leaveFirst();
  (await second)();
  assert.equal(entered, true);
});
