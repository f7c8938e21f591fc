import assert from "node:assert/strict";
import { continueBackup, runBackup } from "./support/backup.ts";
import { SqlWorker } from "./support/worker.ts";
import { Objects } from "./support/objects.ts";
import { raised, type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

const URL = "https://project.example.com";

sqlTest("a scheduled backup posts a slice with the worker key", async (project) => {
  await schedule(project);
  const [{ said }] = await project.owner`select holdfast.start_scheduled_backup() as said`;
  const [{ id }] = await project.owner`select id from holdfast_private.runs`;
  assert.equal(said, `Backup ${id} has started.`);
  const [request, ...more] = await project.owner`
    select method, url, headers, convert_from(body, 'utf8')::jsonb as body
    from net.http_request_queue`;
  assert.deepEqual(more, []);
  const [{ key }] = await project.owner`
    select decrypted_secret as key from vault.decrypted_secrets where name = 'holdfast_worker_key'`;
  assert.deepEqual({ ...request }, {
    method: "POST",
    url: `${URL}/functions/v1/holdfast-backup/work`,
    headers: { "Content-Type": "application/json", apikey: key },
    body: { run: id },
  });
});

sqlTest("the tick posts one slice for each free worker that has a cursor", async (project) => {
  await schedule(project);
  await project.owner`select holdfast.set('workers', '3')`;
  const { sqlWorker } = await atScan(project, 5);
  assert.deepEqual(await tick(project), { posted: 3 });
  const lease = await sqlWorker.lease();
  assert.deepEqual(await tick(project), { posted: 2 });
  await new SqlWorker(project.worker).lease();
  await new SqlWorker(project.worker).lease();
  assert.deepEqual(await tick(project), { posted: 0 });
  await project.owner`update holdfast_private.cursors set lease_expires_at = now()
    where id = ${lease?.cursor ?? null}`;
  assert.deepEqual(await tick(project), { posted: 1 });
});

sqlTest("the number of posted slices never exceeds the number of cursors", async (project) => {
  await schedule(project);
  await project.owner`select holdfast.set('workers', '5')`;
  await atScan(project, 2);
  assert.deepEqual(await tick(project), { posted: 2 });
});

sqlTest("without a URL the tick posts nothing and raises no error", async (project) => {
  await schedule(project);
  await project.owner`delete from vault.secrets where name = 'holdfast_project_url'`;
  await project.owner`select holdfast.start_scheduled_backup()`;
  assert.deepEqual(await tick(project), { posted: 0 });
});

sqlTest("a run without a commit for six hours ends, also with active leases", async (project) => {
  await schedule(project);
  const { run, sqlWorker } = await atScan(project, 2);
  const lease = await sqlWorker.lease();
  assert.ok(lease);
  await age(project, run, "5 hours 59 minutes");
  assert.equal((await tick(project)).stuck, undefined);
  await age(project, run, "6 hours");
  assert.deepEqual(await tick(project), { posted: 0, stuck: [run] });
  const [ended] = await project.owner`
    select state, code, message, remedy from holdfast_private.runs where id = ${run}`;
  assert.deepEqual([ended.state, ended.code], ["failed", "run_stuck"]);
  assert.match(ended.message, /no progress for six hours, since \d{4}-.*Z/);
  assert.match(ended.remedy, /logs of the Edge Function holdfast-backup/);
  assert.equal((await raised(sqlWorker.heartbeat(lease))).message, "lease_lost");
});

sqlTest("a run that commits is not stuck, independent of its age", async (project) => {
  await schedule(project);
  const { run, sqlWorker } = await atScan(project, 2);
  await age(project, run, "3 days");
  const lease = await sqlWorker.lease();
  assert.ok(lease);
  await sqlWorker.commit(lease, [], "a");
  assert.equal((await tick(project)).stuck, undefined);
});

sqlTest("a backup that came due during another run starts after that run", async (project) => {
  await schedule(project);
  const repository = new Repository();
  const [{ run }] = await project.worker`select holdfast_private.start_backup('somebody') as run`;
  const [{ said }] = await project.owner`select holdfast.start_scheduled_backup() as said`;
  assert.equal(said, `The backup waits until the backup that is running has ended: ${run}.`);
  const since = await waiting(project);
  assert.match(since ?? "", /^\d{4}-.*Z$/);
  await project.owner`select holdfast.start_scheduled_backup()`;
  assert.equal(await waiting(project), since, "the wait starts at the first time");
  assert.equal((await tick(project)).started, undefined);

  await continueBackup(project, repository, run);
  const { started } = await tick(project);
  assert.notEqual(started, undefined);
  assert.notEqual(started, run);
  const [{ started_by }] = await project.owner`
    select started_by from holdfast_private.runs where id = ${started ?? null}`;
  assert.equal(started_by, "schedule");
  assert.equal(await waiting(project), null);
  await continueBackup(project, repository, started ?? "");
  assert.deepEqual(await tick(project), { posted: 0 });
});

sqlTest("if the snapshot exceeds the maximum age, the tick starts a backup", async (project) => {
  await schedule(project);
  const repository = new Repository();
  assert.deepEqual(await tick(project), { posted: 0 }, "no age is set");
  await project.owner`select holdfast.set('maximum_age_hours', '30')`;
  await runBackup(project, repository);
  const snapshotAge = (age: string) =>
    project.owner`update holdfast_private.snapshots set sealed_at = now() - ${age}::interval`;
  const lastTry = (age: string) =>
    project.owner`update holdfast_private.runs set started_at = now() - ${age}::interval`;
  await lastTry("2 days");
  await snapshotAge("29 hours");
  assert.deepEqual(await tick(project), { posted: 0 });
  await snapshotAge("31 hours");
  await lastTry("50 minutes");
  assert.deepEqual(await tick(project), { posted: 0 }, "the last attempt was within the hour");
  await lastTry("70 minutes");
  assert.notEqual((await tick(project)).started, undefined);
});

sqlTest("an invalid maximum age starts no backup and stops none", async (project) => {
  await schedule(project);
  for (const age of ['"soon"', "-1", "{}", "[]", '"12"', "1e9"]) {
    await project.owner`select holdfast.set('maximum_age_hours', ${age}::text::jsonb)`;
    assert.deepEqual(await tick(project), { posted: 0 }, age);
  }
});

sqlTest("a refused start does not cancel posts", async (project) => {
  await schedule(project);
  await project.owner`select holdfast.set('maximum_age_hours', '1')`;
  await project.admin`alter role postgres nobypassrls`;
  try {
    assert.deepEqual(await tick(project), { posted: 0, refused: "source_hidden" });
  } finally {
    await project.admin`alter role postgres bypassrls`;
  }
}, { ownServer: true });

sqlTest(
  "records of Holdfast's own pg_cron jobs are deleted after a week, and no others",
  async (project) => {
    await schedule(project);
    await project.admin`
    insert into cron.job_run_details (jobid, database, username, command, status, start_time, end_time)
    select 1, current_database(), 'postgres', command, 'succeeded', now() - age, now() - age
    from unnest(array['select holdfast_private.tick()', 'select holdfast_private.housekeeping()',
        'select holdfast.start_scheduled_backup()', 'select 1']) as command,
      unnest(array[interval '6 days', interval '8 days']) as age`;
    const [{ pruned }] = await project.owner`select holdfast_private.prune_job_runs() as pruned`;
    assert.equal(pruned, 3);
    const left = await project.admin`
    select command from cron.job_run_details where end_time < now() - interval '7 days'`;
    assert.deepEqual(left.map((row) => row.command), ["select 1"]);
    await project.admin`revoke delete on cron.job_run_details from postgres, public`;
    const [{ refused }] = await project.owner`select holdfast_private.prune_job_runs() as refused`;
    assert.equal(refused, null);
  },
);

async function schedule({ owner }: SqlProject) {
  await owner`select holdfast.schedule('0 2 * * *', ${URL})`;
}

interface TickSummary {
  posted: number;
  stuck?: string[];
  started?: string;
  refused?: string;
}

/** The result of a tick. */
async function tick({ owner }: SqlProject): Promise<TickSummary> {
  const [{ summary }] = await owner<{ summary: TickSummary }[]>`
    select holdfast_private.tick() as summary`;
  return summary;
}

/** A run at the start of its scan, with a cursor for each of the buckets. */
async function atScan(project: SqlProject, buckets: number) {
  const objects = new Objects(project.owner);
  for (let bucket = 0; bucket < buckets; bucket++) await objects.createBucket(`bucket-${bucket}`);
  const [{ run }] = await project.worker<{ run: string }[]>`
    select holdfast_private.start_backup('test') as run`;
  const sqlWorker = new SqlWorker(project.worker);
  const lease = await sqlWorker.lease();
  assert.ok(lease);
  await sqlWorker.prepared(lease, new Repository().facts());
  return { run, sqlWorker };
}

async function age({ owner }: SqlProject, run: string, interval: string) {
  await owner`update holdfast_private.runs set started_at = now() - ${interval}::interval
    where id = ${run}`;
  await owner`update holdfast_private.cursors set committed_at = now() - ${interval}::interval
    where run = ${run}`;
}

async function waiting({ owner }: SqlProject): Promise<string | null> {
  const [row] =
    await owner`select value from holdfast_private.settings where name = 'backup_waiting'`;
  return row.value;
}
