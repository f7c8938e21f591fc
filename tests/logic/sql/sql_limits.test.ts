import assert from "node:assert/strict";
import { continueBackup } from "./support/backup.ts";
import { copied, type Lease, SqlWorker } from "./support/worker.ts";
import { Objects } from "./support/objects.ts";
import { raised, type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

const URL = "https://project.example.com";
const DAY = "max_egress_bytes_per_day";
const MONTH = "max_egress_bytes_per_month";

sqlTest(
  "bytes read are counted by day and kind, in the commit that reports them",
  async (project) => {
    const { sqlWorker, lease } = await atScan(project);
    await sqlWorker.commit(lease, [], "a", { bytes_read: 70, objects_copied: 1 });
    await sqlWorker.commit(lease, [], "b", { objects_copied: 1 });
    await sqlWorker.finish(lease, { bytes_read: 30 });
    assert.deepEqual(await egress(project), [{ kind: "backup", bytes: 100, today: true }]);
    await assert.rejects(sqlWorker.commit(lease, [], "c", { bytes_read: 5 }), /lease_lost/);
    assert.deepEqual(await egress(project), [{ kind: "backup", bytes: 100, today: true }]);
  },
);

sqlTest("concurrent commits of workers lose no count", async (project) => {
  await atScan(project, ["one", "two"]);
  const workers = [
    new SqlWorker(await project.connectWorker()),
    new SqlWorker(await project.connectWorker()),
  ];
  await project
    .owner`update holdfast_private.cursors set lease_owner = null, lease_expires_at = null`;
  const leases = [await leased(workers[0]!), await leased(workers[1]!)];
  await Promise.all(workers.map(async (sqlWorker, index) => {
    for (let page = 0; page < 20; page++) {
      await sqlWorker.commit(leases[index]!, [], `${page}`, { bytes_read: 1 });
    }
  }));
  assert.equal((await egress(project))[0]?.bytes, 40);
});

sqlTest(
  "at the daily limit the run pauses until the next day and reports it once",
  async (project) => {
    await project.owner`select holdfast.schedule('0 2 * * *', ${URL})`;
    const { sqlWorker, lease, run } = await atScan(project);
    await set(project, DAY, "100");
    await sqlWorker.commit(lease, [], "a", { bytes_read: 99 });
    assert.equal(await sqlWorker.mayRead(lease), true);
    await sqlWorker.commit(lease, [], "b", { bytes_read: 1 });
    assert.equal(await sqlWorker.mayRead(lease), false);

    const other = await leasedBy(new SqlWorker(project.worker), run);
    const paused = await sqlWorker.pause(lease);
    assert.deepEqual([paused.newly_paused, paused.code], [true, "paused_by_limit"]);
    assert.equal(paused.message, `${DAY} is reached: 100 of 100 bytes were read from Storage.`);
    assert.equal(paused.until, await utcMidnight(project, "1 day"));
    assert.equal((await other.sqlWorker.pause(other.lease)).newly_paused, false);
    assert.equal(await audited(project), 1);
    assert.deepEqual(await stateOf(project, run), { state: "running", attempts: 0, posted: 0 });
    assert.equal(await new SqlWorker(project.worker).lease(), null);
    assert.deepEqual(await tick(project), { posted: 0 });
  },
);

sqlTest(
  "a paused run is the only run, and every status names its pause",
  async (project) => {
    const { run } = await pausedRun(project);
    const error = await raised(project.worker`select holdfast_private.start_backup('test')`);
    assert.equal(error.message, "run_in_progress");
    assert.match(
      error.detail ?? "",
      new RegExp(
        `A backup is running: ${run}\\. It is paused until \\d{4}-.*Z: ${DAY} is reached`,
      ),
    );
    const [{ shown }] = await project.worker`select holdfast_private.show_run(${run}) as shown`;
    assert.equal(shown.state, "running");
    assert.equal(shown.paused.code, "paused_by_limit");
    assert.match(shown.paused.message, /^max_egress_bytes_per_day is reached/);
    const [status] = await project.owner`select * from holdfast.status`;
    assert.match(status.verdict, /^the first backup is paused until .*: max_egress_bytes_per_day/);
    assert.match(status.paused_because, /^max_egress_bytes_per_day is reached/);
    assert.ok(status.paused_until > new Date());
    await project.worker`select holdfast_private.cancel_run(${run})`;
    const [{ ended }] = await project.worker`select holdfast_private.show_run(${run}) as ended`;
    assert.deepEqual([ended.state, ended.paused], ["cancelled", null]);
    await project.worker`select holdfast_private.start_backup('test')`;
  },
);

sqlTest("a paused run resumes at the next tick after the limit is raised", async (project) => {
  const { run } = await pausedRun(project);
  await set(project, DAY, "101");
  assert.deepEqual(await tick(project), { posted: 1 });
  const { sqlWorker, lease } = await leasedBy(new SqlWorker(project.worker), run);
  assert.equal(await sqlWorker.mayRead(lease), true);
  const [{ shown }] = await project.worker`select holdfast_private.show_run(${run}) as shown`;
  assert.equal(shown.paused, null);
});

sqlTest("a paused run resumes on the next day, also without a tick", async (project) => {
  const { run } = await pausedRun(project);
  await project.owner`update holdfast_private.egress set day = day - 1`;
  await project.owner`update holdfast_private.runs set paused_until = now() - interval '1 second'`;
  const { sqlWorker, lease } = await leasedBy(new SqlWorker(project.worker), run);
  assert.equal(await sqlWorker.mayRead(lease), true);
});

sqlTest("the limit that pauses longer takes precedence", async (project) => {
  const { sqlWorker, lease } = await atScan(project);
  await project.owner`insert into holdfast_private.egress values
    (date_trunc('month', holdfast_private.utc_now())::date, 'restore', 60)
    on conflict (day, kind) do update set bytes = 60`;
  await set(project, MONTH, "100");
  await sqlWorker.commit(lease, [], "a", { bytes_read: 40 });
  await set(project, DAY, "1");
  const paused = await sqlWorker.pause(lease);
  const [{ next, last }] = await project
    .owner`select holdfast_private.utc((date_trunc('month', holdfast_private.utc_now())
    + interval '1 month') at time zone 'UTC') as next,
    extract(day from holdfast_private.utc_now() + interval '1 day') = 1 as last`;
  const ofMonth = `${MONTH} is reached: 100 of 100`;
  // On the last day of a month, both pauses end at the same time.
  const longest = last ? `(${ofMonth}|${DAY} is reached: 40 of 1)` : ofMonth;
  assert.match(paused.message ?? "", new RegExp(`^${longest} `));
  assert.equal(paused.until, next);
});

sqlTest("a limit that was removed meanwhile pauses nothing", async (project) => {
  await project.owner`select holdfast.schedule('0 2 * * *', ${URL})`;
  const { sqlWorker, lease } = await atScan(project);
  await set(project, DAY, "1");
  await sqlWorker.commit(lease, [], "a", { bytes_read: 1 });
  await set(project, DAY, "null");
  assert.deepEqual(await sqlWorker.pause(lease), { newly_paused: false });
  await leased(new SqlWorker(project.worker));
});

sqlTest("a paused run is not stuck, also just after its pause", async (project) => {
  await project.owner`select holdfast.schedule('0 2 * * *', ${URL})`;
  const { run } = await pausedRun(project);
  const age = async (interval: string) => {
    await project
      .owner`update holdfast_private.runs set started_at = now() - ${interval}::interval`;
    await project
      .owner`update holdfast_private.cursors set committed_at = now() - ${interval}::interval`;
  };
  await age("2 days");
  assert.deepEqual(await tick(project), { posted: 0 });
  await set(project, DAY, "null");
  assert.deepEqual(await tick(project), { posted: 1 });
  await project.owner`update holdfast_private.runs set resumed_at = now() - interval '6 hours'`;
  assert.deepEqual((await tick(project)).stuck, [run]);
});

sqlTest("no worker and no tick calls a server before its Retry-After time", async (project) => {
  await project.owner`select holdfast.schedule('0 2 * * *', ${URL})`;
  const { sqlWorker, lease, run } = await atScan(project, ["one", "two"]);
  await sqlWorker.leave(lease, {
    seconds: 90,
    code: "storage_unreachable",
    message: "It is busy.",
  });
  await expireLeases(project);
  assert.equal(await new SqlWorker(project.worker).lease(), null, "the other cursor is not leased");
  assert.deepEqual(await tick(project), { posted: 0 });
  const [{ shown }] = await project.worker`select holdfast_private.show_run(${run}) as shown`;
  assert.deepEqual([shown.paused.code, shown.paused.message], [
    "storage_unreachable",
    "It is busy.",
  ]);
  const [{ left }] = await project.owner`
    select extract(epoch from paused_until - clock_timestamp())::float as left from holdfast_private.runs`;
  assert.ok(left > 30 && left <= 90, `${left} s`);

  await project.owner`update holdfast_private.runs set paused_until = now() - interval '1 second'`;
  assert.deepEqual(await tick(project), { posted: 2 });
  const again = await leased(new SqlWorker(project.worker));
  assert.equal(again.crashes, 0);
  assert.equal(again.attempts, 2);
});

sqlTest(
  "the longest Retry-After of several servers applies, up to one hour",
  async (project) => {
    const { sqlWorker, lease } = await atScan(project, ["one", "two"]);
    const other = await leasedBy(new SqlWorker(project.worker));
    await sqlWorker.leave(lease, { seconds: 1e6, code: "storage_unreachable", message: "long" });
    await other.sqlWorker.leave(other.lease, {
      seconds: 60,
      code: "storage_unreachable",
      message: "short",
    });
    const [row] = await project.owner`select paused_message,
    extract(epoch from paused_until - clock_timestamp())::float as left from holdfast_private.runs`;
    assert.equal(row.paused_message, "long");
    assert.ok(row.left > 3000 && row.left <= 3600, `${row.left} s`);
  },
);

sqlTest("Retry-After does not delay the end of a run without progress", async (project) => {
  await project.owner`select holdfast.schedule('0 2 * * *', ${URL})`;
  const { sqlWorker, lease, run } = await atScan(project);
  await project.owner`update holdfast_private.runs set started_at = now() - interval '6 hours'`;
  await project
    .owner`update holdfast_private.cursors set committed_at = now() - interval '6 hours'`;
  await sqlWorker.leave(lease, {
    seconds: 600,
    code: "storage_unreachable",
    message: "It is busy.",
  });
  assert.deepEqual((await tick(project)).stuck, [run]);
});

sqlTest("a worker that waits keeps its position, and the tick resumes it", async (project) => {
  await project.owner`select holdfast.schedule('0 2 * * *', ${URL})`;
  await set(project, "workers", "1");
  const { sqlWorker, lease } = await atScan(project, ["one", "two"]);
  await sqlWorker.release(lease, 30);
  assert.equal(
    await new SqlWorker(project.worker).lease(),
    null,
    "no other worker takes its cursor",
  );
  assert.deepEqual(await tick(project), { posted: 0 });
  await expireLeases(project);
  assert.deepEqual(await tick(project), { posted: 1 });
  const again = await leased(new SqlWorker(project.worker));
  assert.deepEqual([again.cursor, again.attempts, again.crashes], [lease.cursor, 1, 0]);
});

sqlTest(
  "a worker receives its share of the rates, and ignores invalid values",
  async (project) => {
    await set(project, "workers", "4");
    await set(project, "max_bytes_per_second", "1000000");
    await set(project, "max_requests_per_second", "10");
    const { lease, sqlWorker } = await atScan(project);
    assert.deepEqual(lease.limits, {
      bytes_per_second: 250_000,
      requests_per_second: 2.5,
      egress: false,
    });
    await sqlWorker.release(lease);
    await set(project, MONTH, "1");
    for (const value of ['"much"', "-1", "0", "[]", "{}", "true", "null"]) {
      await set(project, "max_bytes_per_second", value);
      const { limits } = await leased(sqlWorker);
      await expireLeases(project);
      assert.deepEqual([limits.bytes_per_second, limits.egress], [null, true], value);
    }
  },
);

sqlTest("invalid limits are named before a run starts", async (project) => {
  for (
    const [name, value] of [[DAY, "0"], [MONTH, "1.5"], ["max_bytes_per_second", '"1"'], [
      "max_requests_per_second",
      "-0.5",
    ]] as const
  ) {
    await set(project, name, value);
    const error = await raised(project.owner`select * from holdfast.estimate()`);
    assert.match(error.detail ?? "", new RegExp(`^${name} must be null or a`));
    await set(project, name, "null");
  }
  await set(project, "max_requests_per_second", "0.5");
  await set(project, DAY, "1000000000");
  await project.owner`select * from holdfast.estimate()`;
});

sqlTest(
  "results behind the committed position are kept, and the position is unchanged",
  async (project) => {
    const { sqlWorker, lease, run, repository } = await atScan(project, ["one"], ["a", "b", "c"]);
    const { items } = await sqlWorker.page(lease);
    await sqlWorker.commit(lease, [copied(items[2]!)], null);
    const page = await sqlWorker.page(lease);
    assert.deepEqual(page.items.map(({ name }) => name), ["a", "b"]);
    await sqlWorker.commit(lease, page.items.map(copied), page.to);
    await sqlWorker.release(lease);
    const { snapshot } = await continueBackup(project, repository, run);
    assert.equal(snapshot?.totals.objects, 3);
  },
);

/** A run at the start of its scan, with a cursor for each bucket. The first cursor is leased. */
async function atScan(project: SqlProject, buckets = ["one", "two"], names = ["name"]) {
  const objects = new Objects(project.owner);
  for (const bucket of buckets) {
    await objects.createBucket(bucket);
    for (const name of names) await objects.upload(bucket, name, { text: `${bucket} ${name}` });
  }
  const [{ run }] = await project.worker<{ run: string }[]>`
    select holdfast_private.start_backup('test') as run`;
  const sqlWorker = new SqlWorker(project.worker);
  const repository = new Repository();
  await sqlWorker.prepared(await leased(sqlWorker), repository.facts());
  return { run, sqlWorker, lease: await leased(sqlWorker), repository };
}

async function leased(sqlWorker: SqlWorker): Promise<Lease> {
  const lease = await sqlWorker.lease();
  assert.ok(lease);
  return lease;
}

async function leasedBy(sqlWorker: SqlWorker, run: string | null = null) {
  const lease = await sqlWorker.lease(run);
  assert.ok(lease);
  return { sqlWorker, lease };
}

/** A run of one bucket that is paused at the daily limit of 100 bytes. */
async function pausedRun(project: SqlProject) {
  await project.owner`select holdfast.schedule('0 2 * * *', ${URL})`;
  const { sqlWorker, lease, run } = await atScan(project, ["one"]);
  await set(project, DAY, "100");
  await sqlWorker.commit(lease, [], "a", { bytes_read: 100 });
  await sqlWorker.pause(lease);
  return { run };
}

async function set({ owner }: SqlProject, name: string, value: string) {
  await owner`select holdfast.set(${name}, ${value}::text::jsonb)`;
}

async function egress({ owner }: SqlProject) {
  const rows = await owner<{ kind: string; bytes: number; today: boolean }[]>`
    select kind, bytes::int, day = holdfast_private.utc_now()::date as today from holdfast_private.egress`;
  return rows.map((row) => ({ ...row }));
}

async function utcMidnight({ owner }: SqlProject, after: string): Promise<string> {
  const [{ at }] = await owner`select holdfast_private.utc(
    (date_trunc('day', holdfast_private.utc_now()) + ${after}::interval) at time zone 'UTC') as at`;
  return at;
}

async function audited({ owner }: SqlProject): Promise<number> {
  const [{ count }] = await owner`
    select count(*)::int from holdfast_private.audit where action = 'backup.pause'`;
  return count;
}

async function stateOf({ owner }: SqlProject, run: string) {
  const [row] = await owner`select r.state, max(c.attempts)::int as attempts,
    (select count(*)::int from net.http_request_queue) as posted
    from holdfast_private.runs r join holdfast_private.cursors c on c.run = r.id where r.id = ${run} group by r.id`;
  return { ...row };
}

async function expireLeases({ owner }: SqlProject) {
  await owner`update holdfast_private.cursors set lease_expires_at = now() where lease_expires_at is not null`;
}

async function tick({ owner }: SqlProject): Promise<{ posted: number; stuck?: string[] }> {
  const [{ summary }] = await owner`select holdfast_private.tick() as summary`;
  return summary;
}
