import assert from "node:assert/strict";
import { FaultProxy } from "../../simulation/proxy/fault_proxy.ts";
import { type Fault, WorkerDied } from "../../simulation/proxy/step.ts";

/** A proxy with one worker, whose requests record what was executed. */
function clientWith(...faults: Fault[]) {
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
  const { proxy, done, ask } = clientWith();
  assert.deepEqual(await Promise.all([ask("a"), ask("b")]), ["a done", "b done"]);
  assert.deepEqual(done, ["a", "b"]);
  assert.deepEqual(proxy.steps.map(({ number, action }) => [number, action]), [[1, "a"], [2, "b"]]);
});

Deno.test("a worker that crashes before a step has executed nothing and executes nothing more", async () => {
  const { worker, done, ask } = clientWith({ step: 1, faultName: "die_before" });
  await assert.rejects(ask("a"), WorkerDied);
  await assert.rejects(ask("b"), WorkerDied);
  assert.deepEqual(done, []);
  assert.ok(worker.dead);
});

Deno.test("a worker that crashes after a step has executed it", async () => {
  const { done, ask } = clientWith({ step: 1, faultName: "die_after" });
  await assert.rejects(ask("a"), WorkerDied);
  await assert.rejects(ask("b"), WorkerDied);
  assert.deepEqual(done, ["a"]);
});

Deno.test("a worker that loses a response continues", async () => {
  const { done, ask } = clientWith({ step: 1, faultName: "lose_reply" });
  await assert.rejects(ask("a"), /no answer/);
  assert.equal(await ask("b"), "b done");
  assert.deepEqual(done, ["a", "b"]);
});

Deno.test("others continue while a worker is delayed, until so many steps have passed", async () => {
  const { proxy, done, ask } = clientWith({ step: 1, faultName: "sleep_before", wakeAfter: 2 });
  const asleep = ask("a");
  await ask("b");
  await proxy.quiet();
  assert.deepEqual(done, ["b"]);
  await ask("c");
  assert.equal(await asleep, "a done");
  assert.deepEqual(done, ["b", "c", "a"]);
});

Deno.test("a worker delayed after a step has executed it, and resumes with all others", async () => {
  const { proxy, done, ask } = clientWith({ step: 1, faultName: "sleep_after" });
  const asleep = ask("a");
  await proxy.quiet();
  assert.deepEqual(done, ["a"]);
  assert.ok(proxy.wakeAll());
  assert.equal(await asleep, "a done");
  assert.ok(!proxy.wakeAll());
});

Deno.test("an unavailable server refuses requests until it is available or all servers recover", async () => {
  const { proxy, done, ask } = clientWith();
  assert.ok(!proxy.hadServerFault);
  proxy.makeUnavailable("sql", 3);
  await assert.rejects(ask("a"), /no answer/);
  await assert.rejects(ask("b"), /no answer/);
  assert.equal(await ask("c"), "c done");
  proxy.makeUnavailable("sql", 100);
  await assert.rejects(ask("d"), /no answer/);
  proxy.recover();
  assert.equal(await ask("e"), "e done");
  assert.deepEqual(done, ["c", "e"]);
  assert.ok(proxy.hadServerFault);
});
