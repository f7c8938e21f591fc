import assert from "node:assert/strict";
import { startCron } from "../../../stack/postgres/cron.ts";
import {
  assertRefused,
  eventually,
  openServer,
  rolledBack,
  type ServerSubject,
} from "./support.ts";

Deno.test("cron: jobs and their rows", async (t) => {
  await using subject = await openServer();
  const { sql } = subject;

  await t.step("its functions are found by their signatures", async () => {
    const [row] = await sql`
      select to_regprocedure('cron.schedule(text,text,text)') is not null as named,
        to_regprocedure('cron.schedule(text,text)') is not null as unnamed,
        to_regprocedure('cron.unschedule(bigint)') is not null as by_id,
        to_regprocedure('cron.alter_job(bigint,text,text,text,text,boolean)') is not null as alter`;
    assert.deepEqual({ ...row }, { named: true, unnamed: true, by_id: true, alter: true });
  });

  await t.step(
    "a job of the same name is replaced and keeps its id",
    () =>
      rolledBack(sql, async (tx) => {
        const [first] = await tx`select cron.schedule('mine', '0 2 * * *', 'select 1') as id`;
        const [second] = await tx`select cron.schedule('mine', '*/5 * * * *', 'select 2') as id`;
        assert.equal(second.id, first.id);
        const [job] = await tx`
        select schedule, command, database = current_database() as here, username, active
        from cron.job where jobname = 'mine'`;
        assert.deepEqual({ ...job }, {
          schedule: "*/5 * * * *",
          command: "select 2",
          here: true,
          username: "postgres",
          active: true,
        });
      }),
  );

  await t.step(
    "jobs are unscheduled by name and by id, unknown ones are refused",
    () =>
      rolledBack(sql, async (tx) => {
        const [{ id }] = await tx`select cron.schedule('0 2 * * *', 'select 1') as id`;
        await tx`select cron.schedule('mine', '0 2 * * *', 'select 1')`;
        assert.equal((await tx`select cron.unschedule(${id}::bigint) as done`)[0].done, true);
        assert.equal((await tx`select cron.unschedule('mine') as done`)[0].done, true);
        const byName = await assertRefused(tx, "select cron.unschedule('mine')", "XX000");
        assert.equal(byName.message, "could not find valid entry for job 'mine'");
        const byId = await assertRefused(tx, `select cron.unschedule(${id}::bigint)`, "XX000");
        assert.equal(byId.message, `could not find valid entry for job ${id}`);
      }),
  );

  await t.step("schedules that cannot be read are refused", () =>
    rolledBack(sql, async (tx) => {
      const bad = ["", "x", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "*/0 * * * *"];
      for (const schedule of bad) {
        const statement = `select cron.schedule('mine', '${schedule}', 'select 1')`;
        const error = await assertRefused(tx, statement, "22023");
        assert.equal(error.message, `invalid schedule: ${schedule}`);
      }
      const good = ["0 2 * * *", "*/15 0-6,20 1,15 jan-mar mon-fri", "0 0 * * 7", "@hourly"];
      for (const schedule of good) {
        await tx`select cron.schedule('mine', ${schedule}, 'select 1')`;
      }
    }));

  await t.step("a job can be disabled by alter_job", () =>
    rolledBack(sql, async (tx) => {
      const [{ id }] = await tx`select cron.schedule('mine', '0 2 * * *', 'select 1') as id`;
      await tx`select cron.alter_job(${id}, active => false, schedule => '0 3 * * *')`;
      const [job] = await tx`select schedule, active from cron.job where jobid = ${id}`;
      assert.deepEqual({ ...job }, { schedule: "0 3 * * *", active: false });
    }));

  await t.step(
    "postgres may not write to cron.job itself, and others may not schedule",
    () =>
      rolledBack(sql, async (tx) => {
        await assertRefused(tx, "update cron.job set command = 'select 2'", "42501");
        await assertRefused(tx, "delete from cron.job", "42501");
        await tx`delete from cron.job_run_details`;
        await tx`set local role authenticated`;
        await assertRefused(tx, "select cron.schedule('a', '* * * * *', 'select 1')", "42501");
      }),
  );

  await t.step("a due job runs as the role that scheduled it and has a row", async () => {
    await sql`select cron.schedule('conformance-good', '* * * * *',
      'select current_user, session_user from (values (1), (2)) as two')`;
    await sql`select cron.schedule('conformance-bad', '* * * * *', 'select 1/0')`;
    await sql`select cron.schedule('conformance-denied', '* * * * *',
      'create index on storage.objects (version)')`;
    const details = await runJobs(subject, [
      "conformance-good",
      "conformance-bad",
      "conformance-denied",
    ]);
    const [good, bad, denied] = details;
    assert.equal(good.status, "succeeded");
    assert.equal(bad.status, "failed");
    assert.match(bad.return_message, /division by zero/);
    assert.equal(denied.status, "failed");
    assert.match(denied.return_message, /must be owner of table objects/);
    for (const detail of details) {
      assert.equal(detail.username, "postgres");
      assert.equal(detail.in_order, true);
    }
  });

  const { stack } = subject;
  if (!stack) return;

  await t.step("a job can be fired outside its schedule, also with the real pg_cron", async () => {
    await using launcher = await startCron({ adminUrl: stack.database.adminUrl });
    const [{ id }] = await sql`select cron.schedule('fired', '0 2 29 2 *', 'select 1') as id`;
    await launcher.fire("fired");
    const [run] = await sql`
      select status, return_message from cron.job_run_details where jobid = ${id}`;
    assert.deepEqual({ ...run }, { status: "succeeded", return_message: "1 row" });
    await sql`select cron.unschedule('fired')`;
  });
});

/** Waits for a run of each job: up to a minute with the real pg_cron. */
async function runJobs(subject: ServerSubject, names: string[]) {
  const { sql } = subject;
  if (subject.stack?.database.cron === "stand-in") {
    await using launcher = await startCron({
      adminUrl: subject.stack.database.adminUrl,
      automatic: false,
    });
    await launcher.fire();
  }
  try {
    return await eventually(130, async () => {
      const rows = await sql`
        select distinct on (j.jobname) j.jobname, d.status, d.return_message, d.username,
          d.start_time <= d.end_time as in_order
        from cron.job_run_details d join cron.job j using (jobid)
        where d.end_time is not null and j.jobname in ${sql(names)}`;
      if (rows.length < names.length) return undefined;
      return names.map((name) => rows.find((row) => row.jobname === name) ?? {});
    });
  } finally {
    for (const name of names) await sql`select cron.unschedule(${name})`;
  }
}
