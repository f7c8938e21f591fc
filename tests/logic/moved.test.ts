import assert from "node:assert/strict";
import { createBucket, ok, upload } from "../support/objects.ts";
import { holdRun, slowRead } from "../support/hold.ts";
import { TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { countRequests } from "../support/requests.ts";

/** A project with a backup of one file in each of two buckets. */
async function projectWithBackup(): Promise<TestProject> {
  const project = await TestProject.create();
  for (const bucket of ["left", "right"]) {
    await createBucket(project, bucket);
    await upload(project, bucket, "file", `bytes in ${bucket}`);
  }
  await project.backup();
  return project;
}

Deno.test("a moved object is listed under its new name with the stored bytes", async () => {
  await using project = await projectWithBackup();
  const before = await project.reader.snapshot();
  await ok(project.storage.from("left").move("file", "sub/moved"));
  const { result, storage } = await countRequests(project, () => project.backup());
  assert.deepEqual(storage, {});
  assert.equal(result.counters.objects_moved, 1);
  const { entries } = await assertHolds(project, await project.reader.snapshot());
  const moved = entries.get("left/sub/moved")!;
  assert.equal(moved.key, before.entries.get("left/file")!.key);
  assert.equal(moved.assumed, true);
});

Deno.test("an object moved to another bucket is not read again", async () => {
  await using project = await projectWithBackup();
  await ok(project.storage.from("right").move("file", "moved", { destinationBucket: "left" }));
  const { storage } = await countRequests(project, () => project.backup());
  assert.deepEqual(storage, {});
  const { entries } = await assertHolds(project, await project.reader.snapshot());
  assert.deepEqual([...entries.keys()].sort(), ["left/file", "left/moved"]);
});

Deno.test("an object that is moved and then overwritten is copied", async () => {
  await using project = await projectWithBackup();
  await ok(project.storage.from("left").move("file", "moved"));
  await upload(project, "left", "moved", "not what was moved");
  const { result } = await countRequests(project, () => project.backup());
  assert.equal(result.counters.objects_copied, 1);
  const { entries } = await assertHolds(project, await project.reader.snapshot());
  assert.equal(entries.get("left/moved")!.assumed, undefined);
});

Deno.test("an object that moves behind the scan is backed up there before its old name is closed", async () => {
  await using project = await projectWithBackup();
  await upload(project, "right", "slow", "read slowly");
  await slowRead(project, "right/slow");
  const run = await project.start("backup/runs");
  // The scan has finished the bucket `left` and has compared all of `right`.
  await using hold = await holdRun(project, run, "right/slow");
  await ok(project.storage.from("right").move("file", "behind", { destinationBucket: "left" }));
  await hold.release();
  const ended = await project.succeeded(run);
  assert.equal(ended.counters.objects_moved, 1);
  const { entries } = await assertHolds(project, await project.reader.snapshot());
  assert.deepEqual([...entries.keys()].sort(), ["left/behind", "left/file", "right/slow"]);
});

Deno.test("an object that moves ahead of the scan appears once in the snapshot", async () => {
  await using project = await projectWithBackup();
  await upload(project, "left", "slow", "read slowly");
  await slowRead(project, "left/slow");
  const run = await project.start("backup/runs");
  await using hold = await holdRun(project, run, "left/slow");
  await ok(project.storage.from("left").move("file", "ahead", { destinationBucket: "right" }));
  await hold.release();
  await project.succeeded(run);
  const { entries } = await assertHolds(project, await project.reader.snapshot());
  assert.deepEqual([...entries.keys()].sort(), ["left/slow", "right/ahead", "right/file"]);
});
