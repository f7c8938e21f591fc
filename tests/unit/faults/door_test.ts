import assert from "node:assert/strict";
import { Door } from "../../faults/door/door.ts";
import { type Fault, LaneDied } from "../../faults/door/step.ts";

/** A door with one lane, before which requests say what was done. */
function doorWith(...faults: Fault[]) {
  const door = new Door();
  door.faults = faults;
  const lane = door.openLane();
  const done: string[] = [];
  const ask = (action: string) =>
    door.pass(lane, {
      party: "sql",
      action,
      send: () => {
        done.push(action);
        return Promise.resolve(`${action} done`);
      },
      sendUnder: (fault) => Promise.reject(new Error(fault)),
      lost: () => new Error("no answer"),
    });
  return { door, lane, done, ask };
}

Deno.test("requests pass one after the other and are numbered", async () => {
  const { door, done, ask } = doorWith();
  assert.deepEqual(await Promise.all([ask("a"), ask("b")]), ["a done", "b done"]);
  assert.deepEqual(done, ["a", "b"]);
  assert.deepEqual(door.steps.map(({ number, action }) => [number, action]), [[1, "a"], [2, "b"]]);
});

Deno.test("a lane that dies before a step has done nothing and does nothing more", async () => {
  const { lane, done, ask } = doorWith({ step: 1, way: "die_before" });
  await assert.rejects(ask("a"), LaneDied);
  await assert.rejects(ask("b"), LaneDied);
  assert.deepEqual(done, []);
  assert.ok(lane.dead);
});

Deno.test("a lane that dies after a step has done it", async () => {
  const { done, ask } = doorWith({ step: 1, way: "die_after" });
  await assert.rejects(ask("a"), LaneDied);
  await assert.rejects(ask("b"), LaneDied);
  assert.deepEqual(done, ["a"]);
});

Deno.test("a lane that loses a reply goes on", async () => {
  const { done, ask } = doorWith({ step: 1, way: "lose_reply" });
  await assert.rejects(ask("a"), /no answer/);
  assert.equal(await ask("b"), "b done");
  assert.deepEqual(done, ["a", "b"]);
});

Deno.test("others go on while a lane sleeps, until so many steps have passed", async () => {
  const { door, done, ask } = doorWith({ step: 1, way: "sleep_before", wakeAfter: 2 });
  const asleep = ask("a");
  await ask("b");
  await door.quiet();
  assert.deepEqual(done, ["b"]);
  await ask("c");
  assert.equal(await asleep, "a done");
  assert.deepEqual(done, ["b", "c", "a"]);
});

Deno.test("who sleeps after a step has done it, and is woken with all others", async () => {
  const { door, done, ask } = doorWith({ step: 1, way: "sleep_after" });
  const asleep = ask("a");
  await door.quiet();
  assert.deepEqual(done, ["a"]);
  assert.ok(door.wakeAll());
  assert.equal(await asleep, "a done");
  assert.ok(!door.wakeAll());
});

Deno.test("a server that is away lets nobody through until it is back, or all clears up", async () => {
  const { door, done, ask } = doorWith();
  assert.ok(!door.wasUnwell);
  door.stayAway("sql", 3);
  await assert.rejects(ask("a"), /no answer/);
  await assert.rejects(ask("b"), /no answer/);
  assert.equal(await ask("c"), "c done");
  door.stayAway("sql", 100);
  await assert.rejects(ask("d"), /no answer/);
  door.clearUp();
  assert.equal(await ask("e"), "e done");
  assert.deepEqual(done, ["c", "e"]);
  assert.ok(door.wasUnwell);
});
