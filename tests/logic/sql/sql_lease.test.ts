import assert from "node:assert/strict";
import { continueBackup } from "./support/backup.ts";
import { copied, Lane, type Lease } from "./support/lane.ts";
import { Objects } from "./support/objects.ts";
import { raised, type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

sqlTest(
  "a cursor is leased to one lane; the lanes of the settings bound the rest",
  async (project) => {
    await project.owner`select holdfast.set('lanes', '2')`;
    const { lane } = await atObjects(project, ["one", "two", "three"]);
    const [second, third] = [new Lane(project.worker), new Lane(project.worker)];
    const [a, b] = [await lane.lease(), await second.lease()];
    assert.ok(a && b);
    assert.notEqual(a.cursor, b.cursor);
    assert.equal(await third.lease(), null);
    await lane.finish(a);
    assert.ok(await third.lease());
  },
);

sqlTest(
  "a lease that ran out is another lane's, and the first can write nothing",
  async (project) => {
    const { lane, repository } = await atObjects(project, ["one"]);
    const lease = await leased(lane);
    const page = await lane.page(lease);
    await expire(project, lease);
    await assertLost(lane, lease, page.items.map(copied));

    const other = new Lane(project.worker);
    const taken = await leased(other);
    assert.equal(taken.cursor, lease.cursor);
    assert.equal(taken.attempts, 2);
    await assertLost(lane, lease, page.items.map(copied));
    const [{ count }] = await project.owner`select count(*)::int from holdfast_private.entries`;
    assert.equal(count, 0);

    await other.release(taken);
    const { snapshot } = await continueBackup(project, repository, taken.run);
    assert.equal(snapshot?.totals.objects, 1);
  },
);

sqlTest("a commit clears the attempts, a release takes its own back", async (project) => {
  const { lane } = await atObjects(project, ["one"]);
  await lane.release(await leased(lane));
  const lease = await leased(lane);
  assert.equal(lease.attempts, 1);
  await lane.commit(lease, [], "a");
  await expire(project, lease);
  assert.equal((await leased(lane)).attempts, 1);
  await expire(project, lease);
  assert.equal((await leased(lane)).attempts, 2);
});

sqlTest("a heartbeat and a commit prolong a lease", async (project) => {
  const { lane } = await atObjects(project, ["one"]);
  const lease = await leased(lane);
  for (const act of [() => lane.heartbeat(lease), () => lane.commit(lease, [], "a")]) {
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

sqlTest("a run that was cancelled or failed takes every lease with it", async (project) => {
  const { lane } = await atObjects(project, ["one", "two"]);
  const other = new Lane(project.worker);
  const [a, b] = [await leased(lane), await leased(other)];
  await lane.fail(a, "storage_unreachable");
  await assertLost(lane, a, []);
  await assertLost(other, b, []);
  assert.equal(await lane.lease(), null);
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
  const lease = await leased(lane);
  await project.worker`select holdfast_private.cancel_run(${run})`;
  const error = await raised(lane.heartbeat(lease));
  assert.equal(error.message, "lease_lost");
});

sqlTest("the next stage begins once, whichever lane is the last", async (project) => {
  const { lane } = await atObjects(project, ["one", "two"]);
  const other = new Lane(await project.connectWorker());
  const [a, b] = [await leased(lane), await leased(other)];
  await Promise.all([lane.finish(a), other.finish(b)]);
  const stages = await project
    .owner`select stage from holdfast_private.cursors where finished_at is null`;
  assert.deepEqual(stages.map((row) => row.stage), ["gone"]);
});

sqlTest("cancelling while a lane commits ends in no deadlock", async (project) => {
  const { lane } = await atObjects(project, ["one"]);
  const lease = await leased(lane);
  const heartbeats: Promise<unknown>[] = [];
  await project.owner.begin(async (sql) => {
    await sql`select from holdfast_private.runs for update`;
    heartbeats.push(raised(lane.heartbeat(lease)));
    await waitForLocks(project, 1);
    await sql`select holdfast_private.cancel_run(${lease.run})`;
  });
  assert.deepEqual((await Promise.all(heartbeats)).map(messageOf), ["lease_lost"]);
});

sqlTest("of two lanes that fail a run at once, one finds its lease lost", async (project) => {
  await atObjects(project, ["one", "two"]);
  const lanes = [new Lane(await project.connectWorker()), new Lane(await project.connectWorker())];
  const leases = [await leased(lanes[0]), await leased(lanes[1])];
  let outcomes: Promise<PromiseSettledResult<void>[]> | undefined;
  await project.owner.begin(async (sql) => {
    await sql`select from holdfast_private.runs for update`;
    outcomes = Promise.allSettled(
      lanes.map((lane, index) => lane.fail(leases[index], "storage_unreachable")),
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
  "a lane goes on only from its own last commit: a database that was put back refuses it",
  async (project) => {
    const { lane } = await atObjects(project, ["one"]);
    const lease = await leased(lane);
    const committedAt = async () => {
      const [row] = await project.worker<{ at: string | null }[]>`
        select holdfast_private.committed_at(${lease.cursor}) as at`;
      return row!.at;
    };
    const expectCommit = (at: string | null) =>
      project.worker`select holdfast_private.expect_commit(${lease.cursor}, ${at})`;
    await lane.commit(lease, [], "a");
    const first = await committedAt();
    await lane.commit(lease, [], "b");
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

/** A run whose sweep begins: a cursor and one object for each bucket. */
async function atObjects(project: SqlProject, buckets: string[]) {
  const objects = new Objects(project.owner);
  for (const bucket of buckets) {
    await objects.createBucket(bucket);
    await objects.upload(bucket, "name", { text: bucket });
  }
  const repository = new Repository();
  await project.worker`select holdfast_private.start_backup('test')`;
  const lane = new Lane(project.worker);
  await lane.prepared(await leased(lane), repository.facts());
  return { lane, repository };
}

async function leased(lane: Lane): Promise<Lease> {
  const lease = await lane.lease();
  assert.ok(lease);
  return lease;
}

async function expire(project: SqlProject, lease: Lease) {
  await project.owner`update holdfast_private.cursors set lease_expires_at = now()
    where id = ${lease.cursor}`;
}

async function assertLost(lane: Lane, lease: Lease, results: ReturnType<typeof copied>[]) {
  const writes = [
    () => lane.heartbeat(lease),
    () => lane.page(lease),
    () => lane.commit(lease, results, "name"),
    () => lane.finish(lease),
    () => lane.release(lease),
    () => lane.fail(lease, "any"),
  ];
  for (const write of writes) {
    const error = await raised(write());
    assert.deepEqual([error.code, error.message], ["HF000", "lease_lost"], `${write}`);
  }
}

/** Waits until so many statements wait for a lock. */
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
