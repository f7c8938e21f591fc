import assert from "node:assert/strict";
import { Lane, type Lease } from "./support/lane.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

sqlTest(
  "slices that used their time and lived make it longer, step by step, up to a bound",
  async (project) => {
    const lane = await atSweep(project);
    const granted: number[] = [];
    for (let slice = 0; slice < 8; slice++) {
      const lease = await leased(lane, granted.at(-1) ?? 40);
      granted.push((await again(lane, lease)).slice_seconds);
    }
    assert.deepEqual(granted, [60, 90, 135, 203, 305, 320, 320, 320]);
  },
);

sqlTest("a slice that handed on before its time was over tells nothing", async (project) => {
  const lane = await atSweep(project);
  for (const age of [0, 20, 39]) {
    const lease = await leased(lane, age);
    assert.equal((await again(lane, lease)).slice_seconds, 40, `${age} s`);
  }
});

sqlTest(
  "a death in an isolate that was no longer young takes the time back, below it",
  async (project) => {
    const lane = await atSweep(project);
    await grow(lane, 135);
    // It leased when it was 90 s old, and was last heard of then.
    assert.equal((await killed(project, lane, 90)).slice_seconds, 72);
    const [row] = await project
      .owner`select function_name, killed_after, killed_at > now() - interval '1 minute' as now
    from holdfast_private.slice_lives`;
    assert.deepEqual({ ...row }, { function_name: "holdfast-backup", killed_after: 90, now: true });
  },
);

sqlTest("what lanes died at is not tried again for a week", async (project) => {
  const lane = await atSweep(project);
  await grow(lane, 90);
  await killed(project, lane, 60);
  assert.equal(await grow(lane, 48), 48);
  for (let slice = 0; slice < 3; slice++) {
    const lease = await leased(lane, 50);
    assert.equal((await again(lane, lease)).slice_seconds, 48);
  }
  await project
    .owner`update holdfast_private.slice_lives set killed_at = now() - interval '8 days'`;
  const lease = await leased(lane, 50);
  assert.equal((await again(lane, lease)).slice_seconds, 72);
});

sqlTest("a young isolate died of something else", async (project) => {
  const lane = await atSweep(project);
  await grow(lane, 90);
  assert.equal((await killed(project, lane, 30)).slice_seconds, 90);
});

sqlTest("no death makes slices shorter than is sure", async (project) => {
  const lane = await atSweep(project);
  assert.equal((await killed(project, lane, 42)).slice_seconds, 40);
});

sqlTest("what one function's isolates live says nothing of another's", async (project) => {
  const lane = await atSweep(project);
  await grow(lane, 90);
  const [row] = await project
    .owner`select holdfast_private.slice_seconds('holdfast-restore') as seconds`;
  assert.equal(row.seconds, 40);
});

/** A run at its sweep, of one bucket. */
async function atSweep(project: SqlProject): Promise<Lane> {
  const objects = new Objects(project.owner);
  await objects.createBucket("one");
  await objects.upload("one", "name", { text: "text" });
  await project.worker`select holdfast_private.start_backup('test')`;
  const lane = new Lane(project.worker);
  const lease = await lane.lease();
  assert.ok(lease);
  await lane.prepared(lease, new Repository().facts());
  return lane;
}

/** Leases in an isolate of an age, seconds. */
async function leased(lane: Lane, age: number): Promise<Lease> {
  const lease = await lane.lease(null, age);
  assert.ok(lease);
  return lease;
}

/** Hands on, and leases as a slice of a new isolate does, which hands on at once. */
async function again(lane: Lane, lease: Lease): Promise<Lease> {
  await lane.release(lease);
  const next = await leased(lane, 0);
  await lane.release(next);
  return next;
}

/** Lets slices live until they are granted so much; answers what they are. */
async function grow(lane: Lane, seconds: number): Promise<number> {
  let granted = (await again(lane, await leased(lane, 0))).slice_seconds;
  for (let step = 0; granted < seconds; step++) {
    assert.ok(step < 10, `it stays at ${granted} s`);
    granted = (await again(lane, await leased(lane, granted))).slice_seconds;
  }
  return granted;
}

/** A lane dies in an isolate of an age; answers what the next one leases. */
async function killed({ owner }: SqlProject, lane: Lane, age: number): Promise<Lease> {
  await leased(lane, age);
  await owner`update holdfast_private.cursors set lease_expires_at = clock_timestamp(),
    isolate_loaded_at = isolate_loaded_at - interval '1 minute' where lease_owner is not null`;
  const next = await leased(lane, 0);
  await lane.release(next);
  return next;
}
