import assert from "node:assert/strict";
import { copied, type Lease, SqlWorker } from "./support/worker.ts";
import { Objects } from "./support/objects.ts";
import { raised, type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

/** Number of commits with one object each after two crashes. */
const PAGE_OBJECTS = 500;

/** A run at the start of its scan, with a cursor and one object for each bucket. */
async function atObjects(project: SqlProject, buckets: string[]): Promise<SqlWorker> {
  const objects = new Objects(project.owner);
  for (const bucket of buckets) {
    await objects.createBucket(bucket);
    await objects.upload(bucket, "name", { text: bucket });
  }
  await project.worker`select holdfast_private.start_backup('test')`;
  const sqlWorker = new SqlWorker(project.worker);
  await sqlWorker.prepared(await leased(sqlWorker), new Repository().facts());
  return sqlWorker;
}

async function leased(sqlWorker: SqlWorker): Promise<Lease> {
  const lease = await sqlWorker.lease();
  assert.ok(lease);
  return lease;
}

/** The crash state that a lease reports to its worker. */
function crashState({ crashes, isolation_mode }: Lease) {
  return { crashes, isolation_mode };
}

/** Leases a cursor in `times` workers, each of which crashes. Returns the last lease. */
async function crash(project: SqlProject, times: number): Promise<Lease> {
  let lease: Lease | undefined;
  for (let time = 0; time < times; time++) {
    lease = await leased(new SqlWorker(project.worker));
    await expire(project, lease);
  }
  return lease!;
}

async function expire(project: SqlProject, lease: Lease) {
  await project.owner`update holdfast_private.cursors set lease_expires_at = now()
    where id = ${lease.cursor}`;
}

sqlTest(
  "an expired lease counts as a crash; after two crashes workers use isolation mode",
  async (project) => {
    await atObjects(project, ["one"]);
    for (const crashes of [0, 1, 2, 3, 4]) {
      assert.deepEqual(crashState(await crash(project, 1)), {
        crashes,
        isolation_mode: crashes >= 2,
      });
    }
  },
);

sqlTest(
  "a worker that releases its cursor or reports an error has not crashed",
  async (project) => {
    const sqlWorker = await atObjects(project, ["one"]);
    await sqlWorker.release(await leased(sqlWorker));
    const lease = await leased(sqlWorker);
    assert.deepEqual(crashState(lease), { crashes: 0, isolation_mode: false });

    await sqlWorker.leave(lease);
    assert.equal(
      await sqlWorker.lease(),
      null,
      "no other worker gets the cursor until its lease expires",
    );
    const error = await raised(sqlWorker.heartbeat(lease));
    assert.equal(error.message, "lease_lost");
    await expire(project, lease);
    const next = await leased(sqlWorker);
    assert.deepEqual({ ...crashState(next), attempts: next.attempts }, {
      crashes: 0,
      isolation_mode: false,
      attempts: 2,
    });
  },
);

sqlTest(
  "a commit resets the crashes; isolation mode ends after a number of commits",
  async (project) => {
    const sqlWorker = await atObjects(project, ["one"]);
    await crash(project, 2);
    const lease = await leased(sqlWorker);
    assert.equal(lease.isolation_mode, true);
    await sqlWorker.commit(lease, [], "a");
    await expire(project, lease);
    assert.deepEqual(crashState(await crash(project, 1)), { crashes: 1, isolation_mode: true });

    const last = await leased(sqlWorker);
    for (let commits = 1; commits < PAGE_OBJECTS; commits++) await sqlWorker.commit(last, [], "a");
    await sqlWorker.release(last);
    assert.deepEqual(crashState(await leased(sqlWorker)), { crashes: 0, isolation_mode: false });
  },
);

sqlTest("a worker in isolation mode is the only worker and has priority", async (project) => {
  const sqlWorker = await atObjects(project, ["one", "two"]);
  const other = new SqlWorker(project.worker);
  const first = await leased(other);
  await crash(project, 2);
  const isolation_mode = await leased(sqlWorker);
  assert.equal(isolation_mode.bucket_id, "two");
  // Another worker had continued beside it but gets no further lease.
  await other.release(first);
  assert.equal(await other.lease(), null);
  assert.equal(await wantedWorkers(project), 0);

  await sqlWorker.release(isolation_mode);
  assert.equal(await wantedWorkers(project), 1);
  assert.equal(
    (await leased(sqlWorker)).cursor,
    isolation_mode.cursor,
    "though another was made before it",
  );

  const [item] = (await sqlWorker.page(isolation_mode)).items;
  await sqlWorker.commit(isolation_mode, [copied(item)], "name");
  await sqlWorker.finish(isolation_mode);
  assert.equal((await leased(other)).cursor, first.cursor);
});

async function wantedWorkers(project: SqlProject): Promise<number> {
  const [row] = await project.owner`
    select holdfast_private.free_workers(r) as workers from holdfast_private.runs r`;
  return row.workers;
}
