import assert from "node:assert/strict";
import { createBucket, ok, upload } from "../support/objects.ts";
import { readObjects, restorable } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { countRequests } from "../support/requests.ts";

/** A project with five files in one bucket, and a backup of them. */
async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["a", "b", "c", "d", "e"]) {
    await upload(project, "files", name, `bytes of ${name}`, { userMetadata: { name } });
  }
  await project.backup();
  return project;
}

Deno.test("deleted objects are restored, and existing objects are unchanged", async () => {
  await using project = await createProject();
  const before = await readObjects(project);
  await ok(project.storage.from("files").remove(["b", "d"]));
  const { result } = await project.restore();
  assert.equal(result.did.objects_restored, 2);
  assert.equal(result.did.objects_already_right, 3);
  const after = await readObjects(project);
  assert.deepEqual([...after.values()].map(restorable), [...before.values()].map(restorable));
  for (const location of ["files/a", "files/c", "files/e"]) {
    assert.deepEqual(after.get(location), before.get(location), "was changed");
  }
});

Deno.test("a deleted bucket is restored with its objects", async () => {
  await using project = await createProject();
  const before = await readObjects(project);
  await ok(project.storage.emptyBucket("files"));
  await ok(project.storage.deleteBucket("files"));
  await project.restore();
  const after = await readObjects(project);
  assert.deepEqual([...after.values()].map(restorable), [...before.values()].map(restorable));
});

Deno.test("the backup after a restore copies nothing and contains all objects", async () => {
  await using project = await createProject();
  await ok(project.storage.from("files").remove(["a", "b"]));
  await project.restore();
  const { result, storage } = await countRequests(project, () => project.backup());
  assert.deepEqual(storage, {});
  assert.equal(result.counters.objects_copied ?? 0, 0);
  await assertHolds(project, await project.reader.snapshot());
});

Deno.test("the backup after a restore copies nothing if the deletion was backed up before", async () => {
  await using project = await createProject();
  const [first] = await project.reader.snapshotIds();
  await ok(project.storage.from("files").remove(["a", "b"]));
  await project.backup();
  await project.restore({ snapshot: first });
  const { storage } = await countRequests(project, () => project.backup());
  assert.deepEqual(storage, {});
  const { entries } = await assertHolds(project, await project.reader.snapshot());
  assert.equal(entries.size, 5);
});

Deno.test("newer uploads stay because a restore deletes nothing", async () => {
  await using project = await createProject();
  await upload(project, "files", "since", "uploaded since");
  await ok(project.storage.from("files").remove(["a"]));
  await project.restore();
  const objects = await readObjects(project);
  assert.deepEqual([...objects.keys()].map((location) => location.slice(6)), [
    "a",
    "b",
    "c",
    "d",
    "e",
    "since",
  ]);
});
