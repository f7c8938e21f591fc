import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { letRead, slowRead, untilRead } from "../support/hold.ts";
import { TestProject } from "../support/project.ts";

const READ_ONLY = {
  type: "https://github.com/holdfast-backup/holdfast/blob/main/docs/ERRORS.md#database_read_only",
  title: "The database takes no writes",
  status: 503,
  code: "database_read_only",
  remedy: "It is read-only or its disk is full. Free space or enlarge the disk in the dashboard, " +
    "under Database settings, then start the run again; nothing was lost.",
};

/** Makes the database read-only, as Supabase does when a disk is full, or writable again. */
async function setReadOnly(project: TestProject, on: boolean): Promise<void> {
  const { name } = project.client.info;
  // The setting applies to new connections.
  await project.sql.unsafe(`alter database ${name} set default_transaction_read_only = ${on}`);
}

/** Ends every isolate and its database connection. */
async function restartFunctions(project: TestProject): Promise<void> {
  for (const name of ["holdfast-backup", "holdfast-restore"]) {
    await project.client.killFunction(name);
  }
}

Deno.test("a read-only database is reported with the next step, and the next run works", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a");
  const keys = { operate: await project.key("operate"), restore: await project.key("restore") };
  await project.backup();
  await setReadOnly(project, true);
  await restartFunctions(project);
  for (
    const [path, key] of [
      ["holdfast-backup/runs", keys.operate],
      ["holdfast-backup/imports", keys.operate],
      ["holdfast-restore/runs", keys.restore],
    ]
  ) {
    const { status, body } = await project.call("POST", path!, { key });
    const { detail, ...rest } = body;
    assert.deepEqual([status, rest], [503, READ_ONLY], path);
    assert.match(detail, /read-only transaction/);
  }
  await setReadOnly(project, false);
  await restartFunctions(project);
  await project.backup();
});

Deno.test("a database that becomes read-only during a run loses nothing", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["a", "b", "c"]) await upload(project, "files", name, `bytes of ${name}`);
  await project.backup();
  await upload(project, "files", "d");
  await slowRead(project, "files/d");
  const run = await project.start("backup/runs");
  await untilRead(project, "files/d");
  await setReadOnly(project, true);
  await project.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = 'holdfast'`;
  await letRead(project);
  await project.client.functionsIdle();
  assert.equal((await project.run(run)).state, "running");
  await setReadOnly(project, false);
  await restartFunctions(project);
  await project.sql`update holdfast_private.cursors set lease_expires_at = clock_timestamp()`;
  await project.sql`select holdfast_private.post_slice(${run})`;
  await project.succeeded(run);
  const { entries } = await project.reader.snapshot();
  assert.equal(entries.size, 4);
});
