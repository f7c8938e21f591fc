import assert from "node:assert/strict";
import { assertHolds } from "../support/assert_snapshot.ts";
import { bytesOf, createBucket, ok, upload } from "../support/objects.ts";
import { readObjects, restorable } from "../support/project_reader.ts";
import { stack, TestProject } from "../support/project.ts";

/** Goes by two parts. */
const LARGE_BYTES = 9 * 1024 * 1024;

Deno.test("a key that may list, get and put what is new is enough, also where objects are locked", async () => {
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

  // What was refused, was refused for the digest that was then sent along.
  const { records } = await stack.s3Requests(bucket);
  const refused = records.filter(({ status }) => status >= 400 && status !== 404);
  const routes = new Set(refused.map(({ route, status }) => `${status} ${route}`));
  for (const route of ["400 PutObject", "400 UploadPart"]) assert.ok(routes.delete(route), route);
  // The probe of conditions, and uploads that were left: whoever may not list them lets them be.
  for (const route of ["412 PutObject", "403 ListMultipartUploads"]) routes.delete(route);
  assert.deepEqual([...routes], []);
});
