import assert from "node:assert/strict";
import { FaultProxy } from "../../simulation/proxy/fault_proxy.ts";
import { type Fault, WorkerDied } from "../../simulation/proxy/step.ts";

/** A door with one lane, before which requests say what was done. */
function doorWith(...faults: Fault[]) {
  const proxy = new FaultProxy();
  proxy.faults = faults;
  const worker = proxy.openWorker();
  const done: string[] = [];
  const ask = (action: string) =>
    proxy.pass(worker, {
      party: "sql",
      action,
      send: () => {
        done.push(action);
        return Promise.resolve(`${action} done`);
      },
      sendUnder: (fault) => Promise.reject(new Error(fault)),
      lost: () => new Error("no answer"),
    });
  return { proxy, worker, done, ask };
}

Deno.test("requests pass one after the other and are numbered", async () => {
  const { proxy, done, ask } = doorWith();
  assert.deepEqual(await Promise.all([ask("a"), ask("b")]), ["a done", "b done"]);
  assert.deepEqual(done, ["a", "b"]);
  assert.deepEqual(proxy.steps.map(({ number, action }) => [number, action]), [[1, "a"], [2, "b"]]);
});

Deno.test("a lane that dies before a step has done nothing and does nothing more", async () => {
  const { worker, done, ask } = doorWith({ step: 1, faultName: "die_before" });
  await assert.rejects(ask("a"), WorkerDied);
  await assert.rejects(ask("b"), WorkerDied);
  assert.deepEqual(done, []);
  assert.ok(worker.dead);
});

Deno.test("a lane that dies after a step has done it", async () => {
  const { done, ask } = doorWith({ step: 1, faultName: "die_after" });
  await assert.rejects(ask("a"), WorkerDied);
  await assert.rejects(ask("b"), WorkerDied);
  assert.deepEqual(done, ["a"]);
});

Deno.test("a lane that loses a reply goes on", async () => {
  const { done, ask } = doorWith({ step: 1, faultName: "lose_reply" });
  await assert.rejects(ask("a"), /no answer/);
  assert.equal(await ask("b"), "b done");
  assert.deepEqual(done, ["a", "b"]);
});

Deno.test("others go on while a lane sleeps, until so many steps have passed", async () => {
  const { proxy, done, ask } = doorWith({ step: 1, faultName: "sleep_before", wakeAfter: 2 });
  const asleep = ask("a");
  await ask("b");
  await proxy.quiet();
  assert.deepEqual(done, ["b"]);
  await ask("c");
  assert.equal(await asleep, "a done");
  assert.deepEqual(done, ["b", "c", "a"]);
});

Deno.test("who sleeps after a step has done it, and is woken with all others", async () => {
  const { proxy, done, ask } = doorWith({ step: 1, faultName: "sleep_after" });
  const asleep = ask("a");
  await proxy.quiet();
  assert.deepEqual(done, ["a"]);
  assert.ok(proxy.wakeAll());
  assert.equal(await asleep, "a done");
  assert.ok(!proxy.wakeAll());
});

Deno.test("a server that is away lets nobody through until it is back, or all clears up", async () => {
  const { proxy, done, ask } = doorWith();
  assert.ok(!proxy.hadServerFault);
  proxy.stayAway("sql", 3);
  await assert.rejects(ask("a"), /no answer/);
  await assert.rejects(ask("b"), /no answer/);
  assert.equal(await ask("c"), "c done");
  proxy.stayAway("sql", 100);
  await assert.rejects(ask("d"), /no answer/);
  proxy.recover();
  assert.equal(await ask("e"), "e done");
  assert.deepEqual(done, ["c", "e"]);
  assert.ok(proxy.hadServerFault);
});
