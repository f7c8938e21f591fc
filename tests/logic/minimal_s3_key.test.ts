import assert from "node:assert/strict";
import { assertHolds } from "../support/assert_snapshot.ts";
import { bytesOf, createBucket, ok, upload } from "../support/objects.ts";
import { readObjects, restorable } from "../support/project_reader.ts";
import { stack, TestProject } from "../support/project.ts";

/** An object of this size is uploaded in two parts. */
const LARGE_BYTES = 9 * 1024 * 1024;

Deno.test("a key that may list, get and create objects is sufficient, also with object lock", async () => {
  const all = await stack.createRepositoryBucket();
  const { bucket } = all;
  await stack.call("lockS3Bucket", { bucket });
  const repository = await stack.call("repositoryBucket", { bucket, permissions: "minimal" });
  await using project = await TestProject.create({ repository });
  await createBucket(project, "files");
  for (const name of ["a", "b", "c"]) await upload(project, "files", name, `bytes of ${name}`);
  await upload(project, "files", "large", bytesOf(LARGE_BYTES));
  const first = await assertHolds(project, await project.backupSnapshot());
  const before = await project.bucket.list();

  await upload(project, "files", "a", "other bytes");
  await upload(project, "files", "large", bytesOf(LARGE_BYTES, 2));
  await ok(project.storage.from("files").remove(["b"]));
  await ok(project.storage.from("files").move("c", "moved"));
  await assertHolds(project, await project.backupSnapshot());
  const after = new Map((await project.bucket.list()).map(({ key, size }) => [key, size]));
  for (const { key, size } of before) assert.equal(after.get(key), size, key);
  assert.deepEqual((await project.reader.snapshot(first.document.id)).entries, first.entries);

  await using target = await TestProject.create({ repository });
  await target.restore();
  const [source, restored] = [await readObjects(project), await readObjects(target)];
  assert.deepEqual([...restored.values()].map(restorable), [...source.values()].map(restorable));

  // These requests were refused because they lacked a digest. They were repeated with one.
  const { records } = await stack.s3Requests(bucket);
  const refused = records.filter(({ status }) => status >= 400 && status !== 404);
  const routes = new Set(refused.map(({ route, status }) => `${status} ${route}`));
  for (const route of ["400 PutObject", "400 UploadPart"]) assert.ok(routes.delete(route), route);
  // The conditional-write probe and orphaned uploads remain. A key that may not list them skips
  // them.
  for (const route of ["412 PutObject", "403 ListMultipartUploads"]) routes.delete(route);
  assert.deepEqual([...routes], []);
});
