import assert from "node:assert/strict";
import { type Lease, SqlWorker } from "./support/worker.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

sqlTest(
  "slices that use their lifetime and survive extend it step by step up to a maximum",
  async (project) => {
    const sqlWorker = await atScan(project);
    const granted: number[] = [];
    for (let slice = 0; slice < 8; slice++) {
      const lease = await leased(sqlWorker, granted.at(-1) ?? 40);
      granted.push((await again(sqlWorker, lease)).slice_seconds);
    }
    assert.deepEqual(granted, [60, 90, 135, 203, 305, 320, 320, 320]);
  },
);

sqlTest("a slice that hands on early does not change the lifetime", async (project) => {
  const sqlWorker = await atScan(project);
  for (const age of [0, 20, 39]) {
    const lease = await leased(sqlWorker, age);
    assert.equal((await again(sqlWorker, lease)).slice_seconds, 40, `${age} s`);
  }
});

sqlTest(
  "a crash in an older isolate reduces the lifetime to less than its age",
  async (project) => {
    const sqlWorker = await atScan(project);
    await grow(sqlWorker, 135);
    // It leased at an age of 90 s. That was its last sign of life.
    assert.equal((await killed(project, sqlWorker, 90)).slice_seconds, 72);
    const [row] = await project
      .owner`select function_name, killed_after, killed_at > now() - interval '1 minute' as now
    from holdfast_private.isolate_lifetimes`;
    assert.deepEqual({ ...row }, { function_name: "holdfast-backup", killed_after: 90, now: true });
  },
);

sqlTest("an age at which workers crashed is not tried again for a week", async (project) => {
  const sqlWorker = await atScan(project);
  await grow(sqlWorker, 90);
  await killed(project, sqlWorker, 60);
  assert.equal(await grow(sqlWorker, 48), 48);
  for (let slice = 0; slice < 3; slice++) {
    const lease = await leased(sqlWorker, 50);
    assert.equal((await again(sqlWorker, lease)).slice_seconds, 48);
  }
  await project
    .owner`update holdfast_private.isolate_lifetimes set killed_at = now() - interval '8 days'`;
  const lease = await leased(sqlWorker, 50);
  assert.equal((await again(sqlWorker, lease)).slice_seconds, 72);
});

sqlTest("a crash of a young isolate does not change the lifetime", async (project) => {
  const sqlWorker = await atScan(project);
  await grow(sqlWorker, 90);
  assert.equal((await killed(project, sqlWorker, 30)).slice_seconds, 90);
});

sqlTest("no crash makes slices shorter than the guaranteed minimum", async (project) => {
  const sqlWorker = await atScan(project);
  assert.equal((await killed(project, sqlWorker, 42)).slice_seconds, 40);
});

sqlTest(
  "the lifetimes of one function's isolates do not affect another function's",
  async (project) => {
    const sqlWorker = await atScan(project);
    await grow(sqlWorker, 90);
    const [row] = await project
      .owner`select holdfast_private.slice_seconds('holdfast-restore') as seconds`;
    assert.equal(row.seconds, 40);
  },
);

/** A run in its scan, with one bucket. */
async function atScan(project: SqlProject): Promise<SqlWorker> {
  const objects = new Objects(project.owner);
  await objects.createBucket("one");
  await objects.upload("one", "name", { text: "text" });
  await project.worker`select holdfast_private.start_backup('test')`;
  const sqlWorker = new SqlWorker(project.worker);
  const lease = await sqlWorker.lease();
  assert.ok(lease);
  await sqlWorker.prepared(lease, new Repository().facts());
  return sqlWorker;
}

/** Leases in an isolate of an age in seconds. */
async function leased(sqlWorker: SqlWorker, age: number): Promise<Lease> {
  const lease = await sqlWorker.lease(null, age);
  assert.ok(lease);
  return lease;
}

/** Hands on. A slice of a new isolate then leases and hands on at once. */
async function again(sqlWorker: SqlWorker, lease: Lease): Promise<Lease> {
  await sqlWorker.release(lease);
  const next = await leased(sqlWorker, 0);
  await sqlWorker.release(next);
  return next;
}

/** Runs surviving slices until they reach a lifetime. Returns the lifetimes. */
async function grow(sqlWorker: SqlWorker, seconds: number): Promise<number> {
  let granted = (await again(sqlWorker, await leased(sqlWorker, 0))).slice_seconds;
  for (let step = 0; granted < seconds; step++) {
    assert.ok(step < 10, `it stays at ${granted} s`);
    granted = (await again(sqlWorker, await leased(sqlWorker, granted))).slice_seconds;
  }
  return granted;
}

/** A worker crashes in an isolate of an age. Returns the next worker's lifetime. */
async function killed({ owner }: SqlProject, sqlWorker: SqlWorker, age: number): Promise<Lease> {
  await leased(sqlWorker, age);
  await owner`update holdfast_private.cursors set lease_expires_at = clock_timestamp(),
    isolate_loaded_at = isolate_loaded_at - interval '1 minute' where lease_owner is not null`;
  const next = await leased(sqlWorker, 0);
  await sqlWorker.release(next);
  return next;
}
