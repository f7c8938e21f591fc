import assert from "node:assert/strict";
import { continueBackup } from "./support/backup.ts";
import { copied, type Lease, SqlWorker } from "./support/worker.ts";
import { Objects } from "./support/objects.ts";
import { raised, type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

sqlTest(
  "a cursor is leased to one worker; the setting `workers` limits their number",
  async (project) => {
    await project.owner`select holdfast.set('workers', '2')`;
    const { sqlWorker } = await atObjects(project, ["one", "two", "three"]);
    const [second, third] = [new SqlWorker(project.worker), new SqlWorker(project.worker)];
    const [a, b] = [await sqlWorker.lease(), await second.lease()];
    assert.ok(a && b);
    assert.notEqual(a.cursor, b.cursor);
    assert.equal(await third.lease(), null);
    await sqlWorker.finish(a);
    assert.ok(await third.lease());
  },
);

sqlTest(
  "an expired lease passes to another worker, and the first can write nothing",
  async (project) => {
    const { sqlWorker, repository } = await atObjects(project, ["one"]);
    const lease = await leased(sqlWorker);
    const page = await sqlWorker.page(lease);
    await expire(project, lease);
    await assertLost(sqlWorker, lease, page.items.map(copied));

    const other = new SqlWorker(project.worker);
    const taken = await leased(other);
    assert.equal(taken.cursor, lease.cursor);
    assert.equal(taken.attempts, 2);
    await assertLost(sqlWorker, lease, page.items.map(copied));
    const [{ count }] = await project.owner`select count(*)::int from holdfast_private.entries`;
    assert.equal(count, 0);

    await other.release(taken);
    const { snapshot } = await continueBackup(project, repository, taken.run);
    assert.equal(snapshot?.totals.objects, 1);
  },
);

sqlTest("a commit resets the attempts; a release subtracts its own", async (project) => {
  const { sqlWorker } = await atObjects(project, ["one"]);
  await sqlWorker.release(await leased(sqlWorker));
  const lease = await leased(sqlWorker);
  assert.equal(lease.attempts, 1);
  await sqlWorker.commit(lease, [], "a");
  await expire(project, lease);
  assert.equal((await leased(sqlWorker)).attempts, 1);
  await expire(project, lease);
  assert.equal((await leased(sqlWorker)).attempts, 2);
});

sqlTest("a heartbeat and a commit extend a lease", async (project) => {
  const { sqlWorker } = await atObjects(project, ["one"]);
  const lease = await leased(sqlWorker);
  for (const act of [() => sqlWorker.heartbeat(lease), () => sqlWorker.commit(lease, [], "a")]) {
    await project
      .owner`update holdfast_private.cursors set lease_expires_at = now() + interval '5 s'
      where id = ${lease.cursor}`;
    await act();
    const [{ left }] = await project.owner`
      select extract(epoch from lease_expires_at - clock_timestamp())::float as left
      from holdfast_private.cursors where id = ${lease.cursor}`;
    assert.ok(left > 30, `only ${left} s are left`);
  }
});

sqlTest("all leases end with a cancelled or failed run", async (project) => {
  const { sqlWorker } = await atObjects(project, ["one", "two"]);
  const other = new SqlWorker(project.worker);
  const [a, b] = [await leased(sqlWorker), await leased(other)];
  await sqlWorker.fail(a, "storage_unreachable");
  await assertLost(sqlWorker, a, []);
  await assertLost(other, b, []);
  assert.equal(await sqlWorker.lease(), null);
  const [failed] = await project.owner`select state, code, message, remedy, ended_at
    from holdfast_private.runs where id = ${a.run}`;
  assert.ok(failed.ended_at);
  assert.deepEqual({ ...failed, ended_at: null }, {
    state: "failed",
    code: "storage_unreachable",
    message: "It went wrong.",
    remedy: "Do it right.",
    ended_at: null,
  });

  const [{ run }] = await project.worker`select holdfast_private.start_backup('test') as run`;
  const lease = await leased(sqlWorker);
  await project.worker`select holdfast_private.cancel_run(${run})`;
  const error = await raised(sqlWorker.heartbeat(lease));
  assert.equal(error.message, "lease_lost");
});

sqlTest("the next stage starts once, after any worker finishes last", async (project) => {
  const { sqlWorker } = await atObjects(project, ["one", "two"]);
  const other = new SqlWorker(await project.connectWorker());
  const [a, b] = [await leased(sqlWorker), await leased(other)];
  await Promise.all([sqlWorker.finish(a), other.finish(b)]);
  const stages = await project
    .owner`select stage from holdfast_private.cursors where finished_at is null`;
  assert.deepEqual(stages.map((row) => row.stage), ["missing"]);
});

sqlTest("cancelling during a worker's commit causes no deadlock", async (project) => {
  const { sqlWorker } = await atObjects(project, ["one"]);
  const lease = await leased(sqlWorker);
  const heartbeats: Promise<unknown>[] = [];
  await project.owner.begin(async (sql) => {
    await sql`select from holdfast_private.runs for update`;
    heartbeats.push(raised(sqlWorker.heartbeat(lease)));
    await waitForLocks(project, 1);
    await sql`select holdfast_private.cancel_run(${lease.run})`;
  });
  assert.deepEqual((await Promise.all(heartbeats)).map(messageOf), ["lease_lost"]);
});

sqlTest("if two workers fail a run at once, one of them has lost its lease", async (project) => {
  await atObjects(project, ["one", "two"]);
  const workers = [
    new SqlWorker(await project.connectWorker()),
    new SqlWorker(await project.connectWorker()),
  ];
  const leases = [await leased(workers[0]), await leased(workers[1])];
  let outcomes: Promise<PromiseSettledResult<void>[]> | undefined;
  await project.owner.begin(async (sql) => {
    await sql`select from holdfast_private.runs for update`;
    outcomes = Promise.allSettled(
      workers.map((sqlWorker, index) => sqlWorker.fail(leases[index], "storage_unreachable")),
    );
    await waitForLocks(project, 2);
  });
  const reasons = (await outcomes ?? []).map((each) =>
    each.status === "rejected" ? messageOf(each.reason) : "done"
  );
  assert.deepEqual(reasons.sort(), ["done", "lease_lost"]);
});

sqlTest("a second run is refused and the first is named", async (project) => {
  const [{ run }] = await project.worker`select holdfast_private.start_backup('test') as run`;
  const error = await raised(project.worker`select holdfast_private.start_backup('test')`);
  assert.equal(error.message, "run_in_progress");
  assert.equal(error.detail, `A backup is running: ${run}.`);
  assert.match(error.hint ?? "", new RegExp(`select holdfast_private.cancel_run\\('${run}'\\)`));
});

sqlTest(
  "a worker continues only from its own last commit; a restored database refuses it",
  async (project) => {
    const { sqlWorker } = await atObjects(project, ["one"]);
    const lease = await leased(sqlWorker);
    const committedAt = async () => {
      const [row] = await project.worker<{ at: string | null }[]>`
        select holdfast_private.committed_at(${lease.cursor}) as at`;
      return row!.at;
    };
    const expectCommit = (at: string | null) =>
      project.worker`select holdfast_private.check_fencing_token(${lease.cursor}, ${at})`;
    await sqlWorker.commit(lease, [], "a");
    const first = await committedAt();
    await sqlWorker.commit(lease, [], "b");
    const second = await committedAt();
    assert.notEqual(first, second);
    for (const at of [second, first, null]) await expectCommit(at);
    await project.owner`
      update holdfast_private.cursors set position = '{"from": "a"}', committed_at = ${first}::text::timestamptz
      where id = ${lease.cursor}`;
    assert.equal((await raised(expectCommit(second))).message, "lease_lost");
    await expectCommit(first);
  },
);

/** A run at the start of its scan, with a cursor and one object for each bucket. */
async function atObjects(project: SqlProject, buckets: string[]) {
  const objects = new Objects(project.owner);
  for (const bucket of buckets) {
    await objects.createBucket(bucket);
    await objects.upload(bucket, "name", { text: bucket });
  }
  const repository = new Repository();
  await project.worker`select holdfast_private.start_backup('test')`;
  const sqlWorker = new SqlWorker(project.worker);
  await sqlWorker.prepared(await leased(sqlWorker), repository.facts());
  return { sqlWorker, repository };
}

async function leased(sqlWorker: SqlWorker): Promise<Lease> {
  const lease = await sqlWorker.lease();
  assert.ok(lease);
  return lease;
}

async function expire(project: SqlProject, lease: Lease) {
  await project.owner`update holdfast_private.cursors set lease_expires_at = now()
    where id = ${lease.cursor}`;
}

async function assertLost(
  sqlWorker: SqlWorker,
  lease: Lease,
  results: ReturnType<typeof copied>[],
) {
  const writes = [
    () => sqlWorker.heartbeat(lease),
    () => sqlWorker.page(lease),
    () => sqlWorker.commit(lease, results, "name"),
    () => sqlWorker.finish(lease),
    () => sqlWorker.release(lease),
    () => sqlWorker.fail(lease, "any"),
  ];
  for (const write of writes) {
    const error = await raised(write());
    assert.deepEqual([error.code, error.message], ["HF000", "lease_lost"], `${write}`);
  }
}

/** Waits until `waiting` statements wait for a lock. */
async function waitForLocks(project: SqlProject, waiting: number) {
  for (let found = 0; found < waiting;) {
    const [row] = await project.admin`
      select count(*)::int as found from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    found = row.found;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `${error}`;
}
