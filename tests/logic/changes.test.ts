import assert from "node:assert/strict";
import { createBucket, ok, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { countRequests } from "../support/requests.ts";

/** A project with a backup of four small files in the bucket `files`. */
async function projectWithBackup(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["a", "b", "c", "d"]) await upload(project, "files", name, `bytes of ${name}`);
  await project.backup();
  return project;
}

Deno.test("a backup copies the new version of an overwritten object and nothing else", async () => {
  await using project = await projectWithBackup();
  await upload(project, "files", "b", "other bytes", { type: "text/csv" });
  const { result, storage, s3 } = await countRequests(project, () => project.backup());
  assert.deepEqual(storage, { "GET object/authenticated": 1 });
  // Two requests belong to the seal. The others put the object and the part that lists it.
  assert.equal(s3.PutObject, 4);
  assert.equal(result.counters.objects_copied, 1);
  const { document } = await assertHolds(project, await project.reader.snapshot());
  assert.deepEqual(document.parts.map(({ kind, entries }) => [kind, entries]), [
    ["full", 4],
    ["changes", 1],
  ]);
});

Deno.test("the bytes of an earlier snapshot keep their key after an overwrite", async () => {
  await using project = await projectWithBackup();
  const [first] = await project.reader.snapshotIds();
  await upload(project, "files", "b", "other bytes");
  await project.backup();
  const { entries } = await project.reader.snapshot(first);
  const bytes = await project.reader.bytes(entries.get("files/b")!);
  assert.equal(new TextDecoder().decode(bytes), "bytes of b");
});

Deno.test("a change of the row alone is listed with the stored bytes", async () => {
  await using project = await projectWithBackup();
  const before = await project.reader.snapshot();
  await project.sql`
    update storage.objects set user_metadata = '{"edited": true}', owner_id = 'somebody'
    where name = 'c'`;
  const { storage, s3 } = await countRequests(project, () => project.backup());
  assert.deepEqual(storage, {});
  assert.equal(s3.PutObject, 3);
  const { entries } = await assertHolds(project, await project.reader.snapshot());
  assert.equal(entries.get("files/c")!.key, before.entries.get("files/c")!.key);
});

Deno.test("a change of last_accessed_at is ignored", async () => {
  await using project = await projectWithBackup();
  await project.sql`update storage.objects set last_accessed_at = now() + interval '1 day'`;
  const { s3 } = await countRequests(project, () => project.backup());
  assert.equal(s3.PutObject, 2);
});

Deno.test("a deleted object is missing from the next snapshot and stays in the previous one", async () => {
  await using project = await projectWithBackup();
  const [first] = await project.reader.snapshotIds();
  await ok(project.storage.from("files").remove(["a", "d"]));
  const { result, storage } = await countRequests(project, () => project.backup());
  assert.deepEqual(storage, {});
  assert.equal(result.counters.objects_removed, 2);
  const now = await assertHolds(project, await project.reader.snapshot());
  assert.deepEqual([...now.entries.keys()].sort(), ["files/b", "files/c"]);
  const before = await project.reader.snapshot(first);
  assert.equal(before.entries.size, 4);
  await project.reader.bytes(before.entries.get("files/a")!);
});

Deno.test("a file that is uploaded again after its deletion is copied as a new object", async () => {
  await using project = await projectWithBackup();
  await ok(project.storage.from("files").remove(["a"]));
  await project.backup();
  await upload(project, "files", "a", "back again");
  const { result } = await countRequests(project, () => project.backup());
  assert.equal(result.counters.objects_copied, 1);
  await assertHolds(project, await project.reader.snapshot());
});
