import assert from "node:assert/strict";
import { bytesOf, createBucket, ok, upload } from "../support/objects.ts";
import { readBuckets, readObjects, restorable } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";

/** A project whose bucket `strict` has objects that its current limits refuse. */
async function createSource(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "strict");
  await upload(project, "strict", "large", bytesOf(3_000), { type: "text/plain" });
  await upload(project, "strict", "image", bytesOf(100), { type: "image/png" });
  await upload(project, "strict", "fits", bytesOf(200), { type: "text/plain" });
  await upload(project, "strict", "multipart", bytesOf(9_000_000), { type: "text/plain" });
  await ok(project.storage.updateBucket("strict", {
    public: false,
    fileSizeLimit: 2_000,
    allowedMimeTypes: ["text/plain"],
  }));
  await project.backup();
  return project;
}

async function assertRestored(source: TestProject, target: TestProject): Promise<void> {
  const [objects, restored] = [await readObjects(source), await readObjects(target)];
  assert.deepEqual([...restored.values()].map(restorable), [...objects.values()].map(restorable));
  assert.deepEqual(await readBuckets(target.sql), await readBuckets(source.sql));
}

Deno.test("objects that exceed their bucket's limits are restored, and the limits stay", async () => {
  await using source = await createSource();
  await using target = await TestProject.create({ repository: source.repository });
  const { result } = await target.restore();
  assert.equal(result.did.objects_verified, 4);
  await assertRestored(source, target);
});

Deno.test("a restore puts objects into an existing bucket only by move, which overwrites nothing", async () => {
  await using source = await createSource();
  await ok(source.storage.from("strict").remove(["large", "image", "fits", "multipart"]));
  await source.client.call("resetStorageRequests", {});
  await source.restore();
  const { records } = await source.client.storageRequests();
  const puts = records.filter(({ method, path }) =>
    method === "POST" && path.startsWith("/object/strict/")
  );
  assert.deepEqual(puts, []);
  assert.equal(records.filter(({ route }) => route === "POST object/move").length, 4);
  assert.equal((await readObjects(source)).size, 4);
});

Deno.test("the next backup skips the scratch bucket and copies none of its objects", async () => {
  await using source = await createSource();
  await ok(source.storage.from("strict").remove(["large", "multipart"]));
  await source.restore();
  await source.client.call("resetStorageRequests", {});
  const { document } = await source.backupSnapshot();
  assert.deepEqual(document.buckets.map(({ id }) => id), ["strict"]);
  assert.deepEqual((await source.client.storageRequests()).counts, {});
});
