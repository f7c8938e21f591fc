import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { holdRun, slowRead } from "../support/hold.ts";
import { schedule, tick } from "../support/tick.ts";

async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a");
  return project;
}

async function jobsOf(project: TestProject) {
  const jobs = await project.sql`
    select jobname, schedule, username, active from cron.job order by jobname`;
  return jobs.map((row) => ({ ...row }));
}

/** Waits for the end of the newest run. */
async function newestRun(project: TestProject) {
  const [row] = await project.sql`
    select id, started_by from holdfast_private.runs order by started_at desc limit 1`;
  return { ...await project.ended(row!.id), started_by: row!.started_by };
}

Deno.test("the schedule's job makes a backup using posts alone", async () => {
  await using project = await createProject();
  // The role of an admin in the SQL editor.
  await project.client.applySql(`select holdfast.schedule('0 2 * * *', '${project.url}')`);
  assert.deepEqual(await jobsOf(project), [
    { jobname: "holdfast backup", schedule: "0 2 * * *", username: "postgres", active: true },
    { jobname: "holdfast housekeeping", schedule: "* * * * *", username: "postgres", active: true },
    { jobname: "holdfast tick", schedule: "* * * * *", username: "postgres", active: true },
  ]);
  await project.client.fireCron("holdfast backup");
  await project.client.drainNet();
  const run = await newestRun(project);
  assert.deepEqual([run.kind, run.state, run.started_by], ["backup", "succeeded", "schedule"]);
  await assertHolds(project, await project.reader.snapshot());
});

Deno.test("the URL is needed once and is recorded by the first call of a function", async () => {
  await using project = await createProject();
  await assert.rejects(
    project.sql`select holdfast.schedule('0 2 * * *')`,
    { message: "project_url_missing" },
  );
  await project.backup();
  await project.sql`select holdfast.schedule('30 3 * * 1')`;
  assert.equal((await jobsOf(project))[0]!.schedule, "30 3 * * 1");
});

Deno.test("an invalid schedule is refused with an example", async () => {
  await using project = await createProject();
  for (const expression of ["", "daily", "* * * *", "60 * * * *", "0 0 31 2 *"]) {
    await assert.rejects(
      project.sql`select holdfast.schedule(${expression}, ${project.url})`,
      (error: Error & { hint: string }) => {
        assert.equal(error.message, "schedule_invalid", expression);
        assert.match(error.hint, /'0 2 \* \* \*'/);
        return true;
      },
    );
  }
  assert.deepEqual(await jobsOf(project), []);
});

Deno.test("unschedule removes all jobs and succeeds if there is none", async () => {
  await using project = await createProject();
  await schedule(project);
  await project.client.applySql("select holdfast.unschedule()");
  assert.deepEqual(await jobsOf(project), []);
  await project.client.applySql("select holdfast.unschedule()");
});

Deno.test("a backup that comes due during another run waits until the tick starts it", async () => {
  await using project = await createProject();
  await schedule(project);
  await slowRead(project, "files/a");
  const first = await project.start("backup/runs");
  await using hold = await holdRun(project, first, "files/a");
  // The insert reads the current run. The lock does not cover that read.
  await project.client.fireCron("holdfast backup");
  await hold.release();
  await project.succeeded(first);
  await tick(project);
  const second = await newestRun(project);
  assert.notEqual(second.id, first);
  assert.deepEqual([second.state, second.started_by], ["succeeded", "schedule"]);
  await tick(project);
  assert.equal((await newestRun(project)).id, second.id, "the tick started another run");
});

Deno.test("the tick starts a backup when the last snapshot is too old", async () => {
  await using project = await createProject();
  await schedule(project);
  await tick(project);
  assert.deepEqual(
    [...await project.sql`select id from holdfast_private.runs`],
    [],
    "no age is set",
  );
  await project.sql`select holdfast.set('maximum_age_hours', '24')`;
  await tick(project);
  assert.equal((await newestRun(project)).state, "succeeded");
  await tick(project);
  const [row] = await project.sql`select count(*)::int as runs from holdfast_private.runs`;
  assert.equal(row!.runs, 1);
});

Deno.test("the tick fails a run without progress for six hours and reports the next step", async () => {
  await using project = await createProject();
  await schedule(project);
  await project.client.dropNet(100);
  const [row] = await project.sql`select holdfast_private.start_backup('test') as id`;
  await project.sql`
    update holdfast_private.runs set started_at = now() - interval '7 hours'`;
  await project.sql`update holdfast_private.cursors set committed_at = now() - interval '7 hours'`;
  await tick(project);
  const run = await project.run(row!.id);
  assert.deepEqual([run.state, run.code], ["failed", "run_stuck"]);
  assert.match(run.remedy!, /holdfast-backup/);
});

Deno.test("a run has a tick while it lasts, also without a schedule", async () => {
  await using project = await createProject();
  assert.deepEqual(await jobsOf(project), []);
  await project.backup();
  const jobs = await jobsOf(project);
  assert.deepEqual(jobs.map((job) => job.jobname), ["holdfast housekeeping", "holdfast tick"]);
  await tick(project);
  assert.deepEqual(await jobsOf(project), []);
});
