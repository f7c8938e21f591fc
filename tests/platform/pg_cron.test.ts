import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { createBucket, upload } from "../support/objects.ts";
import { stack, TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";

/** pg_cron checks its jobs each minute, so a job that is always due runs within a minute. */
const A_MINUTE_AND_MORE = 90;

const { hasPgCron } = await stack.call("stackInfo", {});

// This requires a server with the extension. CI has one.
if (hasPgCron) {
  Deno.test("the real pg_cron starts a scheduled backup", async () => {
    await using project = await TestProject.create({ cron: "pg_cron" });
    await createBucket(project, "files");
    for (const name of ["a", "b"]) await upload(project, "files", name);
    await project.client.applySql(`select holdfast.schedule('* * * * *', '${project.url}')`);
    await eventually("a scheduled run", async () => {
      return (await project.sql`select from holdfast_private.runs`).length > 0;
    }, A_MINUTE_AND_MORE);
    await project.client.applySql("select holdfast.unschedule()");
    const [row] = await project.sql`
      select id, started_by from holdfast_private.runs order by started_at limit 1`;
    const run = await project.succeeded(row!.id);
    assert.deepEqual([run.kind, row!.started_by], ["backup", "schedule"]);
    await assertHolds(project, await project.reader.snapshot());
    const details = await project.sql`
      select status from cron.job_run_details where command like '%start_scheduled_backup%'`;
    assert.equal(details[0]!.status, "succeeded");
  });
}
