import assert from "node:assert/strict";
import { copied, Lane, type Lease } from "./support/lane.ts";
import { Objects } from "./support/objects.ts";
import { raised, type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

/** After two deaths, so many commits are of one object each. */
const PAGE_OBJECTS = 500;

/** A run whose sweep begins: a cursor and one object for each bucket. */
async function atObjects(project: SqlProject, buckets: string[]): Promise<Lane> {
  const objects = new Objects(project.owner);
  for (const bucket of buckets) {
    await objects.createBucket(bucket);
    await objects.upload(bucket, "name", { text: bucket });
  }
  await project.worker`select holdfast_private.start_backup('test')`;
  const lane = new Lane(project.worker);
  await lane.prepared(await leased(lane), new Repository().facts());
  return lane;
}

async function leased(lane: Lane): Promise<Lease> {
  const lease = await lane.lease();
  assert.ok(lease);
  return lease;
}

/** What a lane knows of those before it. */
function fate({ deaths, careful }: Lease) {
  return { deaths, careful };
}

/** Leases a cursor in as many lanes as are given, each of which dies; answers the last lease. */
async function die(project: SqlProject, times: number): Promise<Lease> {
  let lease: Lease | undefined;
  for (let time = 0; time < times; time++) {
    lease = await leased(new Lane(project.worker));
    await expire(project, lease);
  }
  return lease!;
}

async function expire(project: SqlProject, lease: Lease) {
  await project.owner`update holdfast_private.cursors set lease_expires_at = now()
    where id = ${lease.cursor}`;
}

sqlTest(
  "a lease that runs out is a death; after two of them lanes are careful",
  async (project) => {
    await atObjects(project, ["one"]);
    for (const deaths of [0, 1, 2, 3, 4]) {
      assert.deepEqual(fate(await die(project, 1)), { deaths, careful: deaths >= 2 });
    }
  },
);

sqlTest(
  "a lane that gives its cursor back, or leaves it with a word, has not died",
  async (project) => {
    const lane = await atObjects(project, ["one"]);
    await lane.release(await leased(lane));
    const lease = await leased(lane);
    assert.deepEqual(fate(lease), { deaths: 0, careful: false });

    await lane.leave(lease);
    assert.equal(await lane.lease(), null, "it is left alone until its lease runs out");
    const error = await raised(lane.heartbeat(lease));
    assert.equal(error.message, "lease_lost");
    await expire(project, lease);
    const next = await leased(lane);
    assert.deepEqual({ ...fate(next), attempts: next.attempts }, {
      deaths: 0,
      careful: false,
      attempts: 2,
    });
  },
);

sqlTest("a commit clears the deaths; so many commits later no lane is careful", async (project) => {
  const lane = await atObjects(project, ["one"]);
  await die(project, 2);
  const lease = await leased(lane);
  assert.equal(lease.careful, true);
  await lane.commit(lease, [], "a");
  await expire(project, lease);
  assert.deepEqual(fate(await die(project, 1)), { deaths: 1, careful: true });

  const last = await leased(lane);
  for (let commits = 1; commits < PAGE_OBJECTS; commits++) await lane.commit(last, [], "a");
  await lane.release(last);
  assert.deepEqual(fate(await leased(lane)), { deaths: 0, careful: false });
});

sqlTest("while one is careful it is the only lane, and it comes first", async (project) => {
  const lane = await atObjects(project, ["one", "two"]);
  const other = new Lane(project.worker);
  const first = await leased(other);
  await die(project, 2);
  const careful = await leased(lane);
  assert.equal(careful.bucket_id, "two");
  // Its lane went on beside it, but gets no further lease.
  await other.release(first);
  assert.equal(await other.lease(), null);
  assert.equal(await wantedLanes(project), 0);

  await lane.release(careful);
  assert.equal(await wantedLanes(project), 1);
  assert.equal((await leased(lane)).cursor, careful.cursor, "though another was made before it");

  const [item] = (await lane.page(careful)).items;
  await lane.commit(careful, [copied(item)], "name");
  await lane.finish(careful);
  assert.equal((await leased(other)).cursor, first.cursor);
});

async function wantedLanes(project: SqlProject): Promise<number> {
  const [row] = await project.owner`
    select holdfast_private.free_lanes(r) as lanes from holdfast_private.runs r`;
  return row.lanes;
}
