import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { holdRun, slowRead } from "../support/hold.ts";
import { TestProject } from "../support/project.ts";

Deno.test("during a run, a second start of any kind returns 409 and names the run", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a");
  await project.backup();
  await upload(project, "files", "slow");
  await slowRead(project, "files/slow");
  const run = await project.start("backup/runs");
  await using hold = await holdRun(project, run, "files/slow");
  for (
    const [path, scope] of [
      ["holdfast-backup/runs", "operate"],
      ["holdfast-backup/imports", "operate"],
      ["holdfast-restore/runs", "restore"],
    ] as const
  ) {
    const { status, body } = await project.call("POST", path, { key: await project.key(scope) });
    assert.equal(status, 409, path);
    assert.deepEqual(body, {
      type: "https://github.com/holdfast-backup/holdfast/blob/main/docs/ERRORS.md#run_in_progress",
      title: "Another run is in progress",
      status: 409,
      code: "run_in_progress",
      detail: `A backup is running: ${run}.`,
      remedy: `Wait for it, or end it: select holdfast_private.cancel_run('${run}').`,
    });
  }
  await hold.release();
  await project.succeeded(run);
  const rows = await project.sql`select from holdfast_private.runs`;
  assert.equal(rows.length, 2);
});

Deno.test("only one of many concurrent starts is accepted", async () => {
  await using project = await TestProject.create();
  const key = await project.key("operate");
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => project.call("POST", "holdfast-backup/runs", { key })),
  );
  const accepted = answers.filter(({ status }) => status === 202);
  // A run of an empty project can end before the next start arrives.
  assert.ok(accepted.length >= 1);
  assert.ok(answers.every(({ status }) => status === 202 || status === 409));
  for (const { body } of accepted) await project.succeeded(body.id);
  const ids = await project.reader.snapshotIds();
  assert.equal(ids.length, accepted.length);
});

Deno.test("an accepted start returns the location of the run", async () => {
  await using project = await TestProject.create();
  const key = await project.key("operate");
  const { status, body, headers } = await project.call("POST", "holdfast-backup/runs", { key });
  assert.equal(status, 202);
  assert.deepEqual(body, {
    id: body.id,
    location: `/functions/v1/holdfast-backup/runs/${body.id}`,
  });
  assert.equal(headers.get("location"), body.location);
  await project.succeeded(body.id);
  const response = await fetch(new URL(body.location, project.url), { headers: { apikey: key } });
  const shown = await response.json();
  assert.deepEqual([response.status, shown.id, shown.state], [200, body.id, "succeeded"]);
});
