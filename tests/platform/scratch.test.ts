import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { letRead } from "../support/hold.ts";
import { createBucket, ok, upload } from "../support/objects.ts";
import { readObjects } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";
import { tick } from "../support/tick.ts";

async function scratchBuckets(project: TestProject): Promise<string[]> {
  const rows = await project.sql<{ id: string }[]>`
    select id from storage.buckets where id like 'holdfast-scratch-%'`;
  return rows.map(({ id }) => id);
}

async function hasTick(project: TestProject): Promise<boolean> {
  const rows = await project.sql`select from cron.job where jobname = 'holdfast tick'`;
  return rows.length > 0;
}

Deno.test("the tick removes the scratch bucket of a cancelled restore, and not of a running one", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a");
  await upload(project, "files", "b");
  await project.backup();
  await ok(project.storage.from("files").remove(["a"]));
  await project.addStorageFault({
    route: "POST object/move",
    fault: { delayMilliseconds: 45_000 },
  });
  const run = await project.start("restore/runs", { dry_run: false });
  await eventually("a move", async () => {
    const { records } = await project.client.storageRequests();
    return records.some(({ path, status }) => path === "/object/move" && status === 0);
  });
  const [scratch] = await scratchBuckets(project);
  assert.equal(scratch, `holdfast-scratch-${run}`);
  await upload(project, scratch, "left behind");
  await createBucket(project, "holdfast-scratch-of-nobody-here");
  await tick(project);
  assert.ok((await scratchBuckets(project)).includes(scratch));

  const key = await project.key("restore");
  const answer = await project.call("POST", `holdfast-restore/runs/${run}/cancel`, { key });
  assert.equal(answer.status, 200);
  await letRead(project);
  await project.client.functionsIdle();
  assert.ok((await scratchBuckets(project)).includes(scratch), "it is deleted: nothing is tested");
  // Nothing is scheduled in this project. The tick remains while it has work.
  await tick(project);
  await project.client.functionsIdle();
  assert.deepEqual(await scratchBuckets(project), ["holdfast-scratch-of-nobody-here"]);
  assert.ok(await hasTick(project));
  await tick(project);
  assert.ok(!await hasTick(project));
  assert.deepEqual([...(await readObjects(project)).keys()].sort(), ["files/a", "files/b"]);
});
