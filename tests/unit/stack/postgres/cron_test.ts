import assert from "node:assert/strict";
import { type PostgresCluster, startPostgres } from "../../../../stack/postgres/cluster.ts";
import { connect, type Connection } from "../../../../stack/postgres/connection.ts";
import { startCron } from "../../../../stack/postgres/cron.ts";
import { createWorkspace } from "../../../../stack/process/workspace.ts";
import { eventually } from "../../../conformance/postgres/support.ts";

Deno.test("the stand-in for pg_cron runs due jobs", async (t) => {
  await using workspace = await createWorkspace();
  await using cluster = await startPostgres({ workspace });
  const database = await cluster.createProjectDatabase("project");
  await using sql = connect(database.databaseUrl);

  await t.step("fire runs one job by its name, or all due jobs", async () => {
    await using cron = await startCron({ adminUrl: database.adminUrl, automatic: false });
    await sql`select cron.schedule('nightly', '0 2 * * *', 'select 1')`;
    await sql`select cron.schedule('tick', '* * * * *', 'select 1')`;
    await cron.fire("nightly", new Date("2026-03-01T12:00:00Z"));
    assert.deepEqual(await takeRuns(sql), ["nightly"]);
    await cron.fire(undefined, new Date("2026-03-01T12:00:00Z"));
    assert.deepEqual(await takeRuns(sql), ["tick"]);
    await cron.fire(undefined, new Date("2026-03-01T02:00:00Z"));
    assert.deepEqual(await takeRuns(sql), ["nightly", "tick"]);
    await assert.rejects(cron.fire("no such job"), /there is no job named no such job/);
    await sql`select cron.alter_job(jobid, active => false) from cron.job`;
    await cron.fire(undefined, new Date("2026-03-01T02:00:00Z"));
    assert.deepEqual(await takeRuns(sql), []);
    await unscheduleAll(sql);
  });

  await t.step("the result of a run is recorded as pg_cron records it", async () => {
    await using cron = await startCron({ adminUrl: database.adminUrl, automatic: false });
    await sql`create table notes (note text)`;
    const cases: [command: string, status: string, message: string][] = [
      ["select 1", "succeeded", "1 row"],
      ["select 1 where false", "succeeded", "0 rows"],
      ["insert into notes values ('a'), ('b')", "succeeded", "INSERT 0 2"],
      ["update notes set note = 'c'; delete from notes", "succeeded", "DELETE 2"],
      ["do 'begin end'", "succeeded", "DO"],
      ["select current_setting('statement_timeout')::interval / 0", "failed", "by zero"],
      ["insert into storage.buckets (id) values (current_user)", "failed", "null value in column"],
    ];
    for (const [command, status, message] of cases) {
      await sql`select cron.schedule('it', '* * * * *', ${command})`;
      await cron.fire("it");
      const [run] = await sql`
        delete from cron.job_run_details returning status, return_message, command, username`;
      assert.equal(run.status, status, command);
      assert.equal(run.command, command);
      assert.equal(run.username, "postgres");
      if (status === "succeeded") assert.equal(run.return_message, message);
      else assert(run.return_message.includes(message), run.return_message);
    }
    await unscheduleAll(sql);
  });

  await t.step("a job runs with the settings of its role", async () => {
    await using cron = await startCron({ adminUrl: database.adminUrl, automatic: false });
    await sql`create table seen as select ''::text as path, ''::text as timeout`;
    await sql`select cron.schedule('it', '* * * * *', ${
      "insert into seen select " +
      "current_setting('search_path'), current_setting('statement_timeout')"
    })`;
    await cron.fire("it");
    const [row] = await sql`select path, timeout from seen where path <> ''`;
    assert.deepEqual({ ...row }, { path: '"$user", public, extensions', timeout: "2min" });
    await unscheduleAll(sql);
  });

  await t.step("runs of one job never overlap, those of two jobs do", async () => {
    await using cron = await startCron({ adminUrl: database.adminUrl, automatic: false });
    // Each run waits for the other job, so they end only if they overlap.
    await sql`create table met (job text)`;
    const meet = (mine: string, other: string) =>
      `do $$ begin insert into met values ('${mine}'); commit;
        while not exists (select from met where job = '${other}') loop
          perform pg_sleep(0.01); commit; end loop; end $$`;
    await sql`select cron.schedule('left', '* * * * *', ${meet("left", "right")})`;
    await sql`select cron.schedule('right', '* * * * *', ${meet("right", "left")})`;
    await Promise.all([cron.fire(), cron.fire("left")]);
    const rows = await sql`
      select jobid, start_time < lag(end_time) over (partition by jobid order by start_time) as over
      from cron.job_run_details`;
    assert.equal(rows.length, 3);
    assert.equal(rows.some((row) => row.over), false);
    await unscheduleAll(sql);
  });

  await t.step("it runs jobs on schedule, also after a restart of the server", async () => {
    await using _cron = await startCron({ adminUrl: database.adminUrl });
    await sql`select cron.schedule('often', '1 second', 'select 1')`;
    await eventually(10, () => anyRun(sql));
    await restartUnder(cluster, sql);
    await eventually(20, () => anyRun(sql));
    await sql`select cron.unschedule('often')`;
  });

  await t.step("stopping cancels running jobs and records that", async () => {
    const cron = await startCron({ adminUrl: database.adminUrl, automatic: false });
    await sql`select cron.schedule('slow', '* * * * *', 'select pg_sleep(600)')`;
    const fired = cron.fire("slow");
    await eventually(10, async () => {
      const [row] = await sql`select from pg_stat_activity where query like 'select pg_sleep%'`;
      return row;
    });
    await cron.stop();
    await fired;
    const [run] = await sql`select status, return_message from cron.job_run_details
      where command like '%pg_sleep%'`;
    assert.equal(run.status, "failed");
    assert.match(run.return_message, /canceling statement/);
  });
});

/** Returns the names of the jobs that ran, one per run, and deletes the records. */
async function takeRuns(sql: Connection): Promise<string[]> {
  const rows = await sql<{ jobname: string }[]>`
    with taken as (delete from cron.job_run_details returning jobid)
    select jobname from taken join cron.job using (jobid) order by jobname`;
  return rows.map((row) => row.jobname);
}

async function unscheduleAll(sql: Connection) {
  await sql`select cron.unschedule(jobid) from cron.job`;
  await sql`delete from cron.job_run_details`;
}

async function anyRun(sql: Connection): Promise<true | undefined> {
  const rows = await sql`select from cron.job_run_details where status = 'succeeded' limit 1`;
  return rows.length > 0 ? true : undefined;
}

async function restartUnder(cluster: PostgresCluster, sql: Connection) {
  await cluster.restart("immediate");
  await eventually(
    10,
    () => sql`delete from cron.job_run_details`.then(() => true, () => undefined),
  );
}
