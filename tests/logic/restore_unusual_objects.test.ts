import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { readObjects, restorable } from "../support/project_reader.ts";
import { stack, TestProject } from "../support/project.ts";

Deno.test("types and cache controls that are invalid in a header are restored", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["a", "b", "c"]) await upload(project, "files", name, `bytes of ${name}`);
  const setMetadata = (name: string, metadata: Record<string, string>) =>
    project.sql`update storage.objects set metadata = metadata || ${project.sql.json(metadata)}
      where name = ${name}`;
  await setMetadata("a", { mimetype: "text/plain; title=\u4e00" });
  await setMetadata("b", { cacheControl: "no\ncache" });
  await project.backup();
  await using target = await TestProject.create({ repository: project.repository });
  const { result } = await target.restore();
  assert.equal(result.did.objects_restored, 3);
  const [source, restored] = [await readObjects(project), await readObjects(target)];
  assert.deepEqual([...restored.values()].map(restorable), [...source.values()].map(restorable));
});

Deno.test("one blob that S3 refuses is reported, and the rest is restored", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["a", "b", "c"]) await upload(project, "files", name, `bytes of ${name}`);
  await project.backup();
  await using target = await TestProject.create({ repository: project.repository });
  await stack.call("addS3Fault", {
    rule: {
      bucket: project.repository.bucket,
      route: "GetObject",
      keyContains: "/data/files/b/",
      count: 100,
      // Amazon's response for an object that a lifecycle rule moved to Glacier.
      fault: { kind: "error", status: 403, code: "InvalidObjectState" },
    },
  });
  const { id, result } = await target.restore();
  assert.deepEqual([result.did.objects_restored, result.did.objects_failed], [2, 1]);
  const [{ code }] = await target.sql<[{ code: string }]>`
    select code from holdfast_private.failures where run = ${id}`;
  assert.equal(code, "repository_refused");
});

Deno.test("objects that the restore did not upload keep their metadata by default", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a", "the same bytes", { userMetadata: { edition: 1 } });
  await project.backup();
  await using target = await TestProject.create({ repository: project.repository });
  await createBucket(target, "files");
  await upload(target, "files", "a", "the same bytes", { userMetadata: { edition: 2 } });
  const userMetadata = async () => (await readObjects(target)).get("files/a")!.user_metadata;
  const { result } = await target.restore();
  assert.deepEqual(await userMetadata(), { edition: 2 });
  assert.equal(result.did.objects_metadata_kept, 1);
  // `overwrite` changes nothing here: no snapshot holds the row's metadata.
  const { id } = await target.restore({ overwrite: "if_changed" });
  assert.deepEqual(await userMetadata(), { edition: 2 });
  const failures = await target
    .sql`select name, code from holdfast_private.failures where run = ${id}`;
  assert.deepEqual(failures.map((row) => ({ ...row })), [{ name: "a", code: "target_differs" }]);
});

Deno.test("objects that users create or change during a restore are kept", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["a", "b", "c"]) {
    await upload(project, "files", name, `bytes of ${name}`, { userMetadata: { edition: 1 } });
  }
  await project.backup();
  await using target = await TestProject.create({ repository: project.repository });
  await createBucket(target, "files");
  await target.restore();
  await target.storage.from("files").remove(["a"]);
  await upload(target, "files", "a", "bytes of a", { userMetadata: { edition: 2 } });
  // The state that a restore leaves if it ends before it patches the row.
  await target.sql`update holdfast_private.runs set state = 'failed' where kind = 'restore'`;
  await target.sql`
    update storage.objects set owner = null, owner_id = null, user_metadata = null,
      created_at = now(), last_accessed_at = now()
    where name = 'b'`;
  // The restored state at that time had no metadata.
  await target.sql`
    update storage.objects set owner = null, owner_id = null, user_metadata = null, created_at = now()
    where name = 'c'`;
  const { result } = await target.restore();
  const objects = await readObjects(target);
  assert.deepEqual(objects.get("files/a")!.user_metadata, { edition: 2 });
  assert.deepEqual(objects.get("files/b")!.user_metadata, { edition: 1 });
  assert.equal(objects.get("files/c")!.user_metadata, null);
  assert.equal(result.did.objects_metadata_kept, 2);
});

Deno.test("objects of a bucket that was deleted before the seal are restored", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a", "the bytes");
  await project.backup();
  // The snapshot's state if the bucket is deleted between the scan and the seal.
  await project
    .sql`update holdfast_private.snapshots set document = jsonb_set(document, '{buckets}', '[]')`;
  await project.sql`select set_config('storage.allow_delete_query', 'true', false)`;
  await project.sql`delete from storage.objects`;
  await project.sql`delete from storage.buckets`;
  const { result } = await project.restore();
  assert.equal(result.did.objects_restored, 1);
});
