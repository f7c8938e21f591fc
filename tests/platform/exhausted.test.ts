import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { createBucket, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";
import { schedule, tick } from "../support/tick.ts";

Deno.test("an isolate near its end starts no work, and the tick starts another", async () => {
  // The mode `shared` sends every request to the same isolate.
  await using project = await TestProject.create();
  await project.client.call("setFunctionsMode", { mode: "shared" });
  await schedule(project);
  await createBucket(project, "files");
  await upload(project, "files", "a");
  const key = await project.key("worker");
  assert.equal((await project.call("POST", "holdfast-backup/work", { key })).status, 202);

  await project.client.call("warnFunction", { name: "holdfast-backup" });
  await eventually("an isolate that is spent", async () => {
    const { status, body } = await project.call("POST", "holdfast-backup/work", { key });
    assert.ok(status === 202 || status === 503, JSON.stringify(body));
    return status === 503 && body.code === "budget_exhausted";
  });
  const run = await project.start("backup/runs");
  await project.client.functionsIdle();
  await project.client.drainNet();
  const [{ leases }] = await project.sql<[{ leases: number }]>`
    select sum(attempts)::int as leases from holdfast_private.cursors where run = ${run}`;
  assert.equal(leases, 0);

  await project.client.killFunction("holdfast-backup");
  await tick(project);
  await project.succeeded(run);
  await assertHolds(project, await project.reader.snapshot());
});
