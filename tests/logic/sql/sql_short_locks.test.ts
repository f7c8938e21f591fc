import assert from "node:assert/strict";
import { SqlWorker } from "./support/worker.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

const URL = "https://project.example.com";

/** A worker in a scan. Its connection does not wait for locks. */
async function atWork(project: SqlProject) {
  await project.owner`select holdfast.schedule('0 2 * * *', ${URL})`;
  await new Objects(project.owner).createBucket("files");
  await new Objects(project.owner).createBucket("more");
  await project.worker`select holdfast_private.start_backup('test')`;
  const worker = await project.connectWorker();
  await worker`set lock_timeout = '200ms'`;
  const sqlWorker = new SqlWorker(worker);
  const prepare = await sqlWorker.lease();
  assert.ok(prepare);
  await sqlWorker.prepared(prepare, new Repository().facts());
  const lease = await sqlWorker.lease();
  assert.ok(lease);
  return { sqlWorker, lease };
}

for (const job of ["tick", "housekeeping"]) {
  sqlTest(`a worker continues while the ${job} has not committed`, async (project) => {
    const { sqlWorker, lease } = await atWork(project);
    await project.admin.begin(async (sql) => {
      await sql`set local role postgres`;
      await sql.unsafe(`select holdfast_private.${job}()`);
      await sqlWorker.heartbeat(lease);
      await sqlWorker.commit(lease, [], "a");
      const other = new SqlWorker(sqlWorker.sql);
      const lease2 = await other.lease();
      assert.ok(lease2, "a second worker gets a cursor");
      await other.heartbeat(lease2);
    });
  });
}

sqlTest("the tick resumes a paused run", async (project) => {
  await atWork(project);
  await project.owner`
    update holdfast_private.runs set paused_until = now() + interval '1 hour', paused_code = 'paused_by_limit'`;
  await project.owner`select holdfast_private.tick()`;
  const [run] = await project.owner`select paused_until, resumed_at from holdfast_private.runs`;
  assert.equal(run!.paused_until, null, "no limit is set");
  assert.notEqual(run!.resumed_at, null);
});

sqlTest(
  "the tick does no housekeeping, and housekeeping prunes at each full hour",
  async (project) => {
    await atWork(project);
    const [{ tick }] = await project.owner`select holdfast_private.tick() as tick`;
    assert.deepEqual(Object.keys(tick), ["posted"]);
    const [{ housekeeping, hour }] = await project.owner`
    select holdfast_private.housekeeping() as housekeeping, extract(minute from now()) = 0 as hour`;
    assert.deepEqual(Object.keys(housekeeping), hour ? ["pruned"] : []);
  },
);
