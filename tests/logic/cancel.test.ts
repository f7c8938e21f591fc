import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { createBucket, upload } from "../support/objects.ts";
import { letRead, slowRead, untilRead } from "../support/hold.ts";
import { readObjects, restorable } from "../support/project_reader.ts";
import { stack, TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { countRequests } from "../support/requests.ts";

/** A project with ten files in the bucket `one` and ten in `two`. */
async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  for (const bucket of ["one", "two"]) {
    await createBucket(project, bucket);
    for (let n = 0; n < 10; n++) await upload(project, bucket, `${n}`, `${bucket} ${n}`);
  }
  return project;
}

/** Starts a backup and cancels it when the bucket `one` is copied and `two` is not. */
async function cancelMidRun(project: TestProject): Promise<string> {
  await slowRead(project, "two/5");
  const run = await project.start("backup/runs");
  await untilRead(project, "two/5");
  const key = await project.key("operate");
  const { status, body } = await project.call("POST", `holdfast-backup/runs/${run}/cancel`, {
    key,
  });
  assert.deepEqual([status, body], [200, { id: run, state: "cancelled" }]);
  await letRead(project);
  await project.client.functionsIdle();
  return run;
}

Deno.test("a cancelled run creates no snapshot, and the next run continues from what it copied", async () => {
  await using project = await createProject();
  const run = await cancelMidRun(project);
  assert.equal((await project.run(run)).state, "cancelled");
  assert.deepEqual(await project.reader.snapshotIds(), []);

  const { result, storage } = await countRequests(project, () => project.backup());
  assert.deepEqual(storage, { "GET object/authenticated": 10 });
  assert.equal(result.counters.objects_copied, 10);
  await assertHolds(project, await project.reader.snapshot());
});

Deno.test("a snapshot made after a cancelled run can be restored into another project", async () => {
  await using project = await createProject();
  await project.backup();
  await upload(project, "one", "3", "overwritten");
  await upload(project, "two", "3", "overwritten too");
  await upload(project, "two", "5", "and this, read slowly");
  await cancelMidRun(project);
  await project.backup();
  await using target = await TestProject.create({ repository: project.repository });
  await target.restore();
  const [source, restored] = [await readObjects(project), await readObjects(target)];
  assert.deepEqual([...restored.values()].map(restorable), [...source.values()].map(restorable));
});

Deno.test("a run that is sealing or has ended cannot be cancelled", async () => {
  await using project = await createProject();
  const key = await project.key("operate");
  const cancel = (run: string) =>
    project.call("POST", `holdfast-backup/runs/${run}/cancel`, { key });
  await stack.call("addS3Fault", {
    rule: {
      bucket: project.repository.bucket,
      keyContains: "/snapshots/",
      fault: { kind: "delay", delayMilliseconds: 1500 },
    },
  });
  const run = await project.start("backup/runs");
  await eventually("sealing", async () => (await project.run(run)).state === "sealing");
  const sealing = await cancel(run);
  assert.deepEqual([sealing.status, sealing.body.code], [409, "run_not_cancellable"]);
  assert.equal(sealing.body.detail, `Run ${run} is sealing.`);
  await project.succeeded(run);
  const ended = await cancel(run);
  assert.deepEqual([ended.status, ended.body.code], [409, "run_not_cancellable"]);
  assert.equal(ended.body.detail, `Run ${run} is succeeded.`);
  assert.equal((await project.reader.snapshotIds()).length, 1);
});

Deno.test("a cancelled restore deletes nothing, and the next restore continues", async () => {
  await using source = await createProject();
  await source.backup();
  await using target = await TestProject.create({ repository: source.repository });
  await target.addStorageFault({
    route: "POST object",
    pathContains: "two/5",
    fault: { delayMilliseconds: 45_000 },
  });
  const run = await target.start("restore/runs", { dry_run: false });
  const isPut = async () =>
    (await target.client.storageRequests()).records
      .some(({ path, status }) => path.includes("two/5") && status === 0);
  await eventually("the upload of two/5", isPut);
  const key = await target.key("restore");
  const answer = await target.call("POST", `holdfast-restore/runs/${run}/cancel`, { key });
  assert.equal(answer.status, 200);
  await letRead(target);
  await target.client.functionsIdle();
  assert.ok((await readObjects(target)).size >= 10);
  await target.restore();
  const [objects, restored] = [await readObjects(source), await readObjects(target)];
  assert.deepEqual([...restored.values()].map(restorable), [...objects.values()].map(restorable));
});
