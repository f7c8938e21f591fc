import assert from "node:assert/strict";
import { bytesOf, createBucket, ok, upload } from "../support/objects.ts";
import { readObjects, restorable } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";

const MIB = 1024 * 1024;

/** Asserts that another project restores the newest snapshot exactly as in the first project. */
async function assertRestores(project: TestProject, objects: number): Promise<void> {
  await using target = await TestProject.create({ repository: project.repository });
  const run = await target.restore();
  assert.equal(run.result.did.objects_verified, objects);
  const [source, restored] = [await readObjects(project), await readObjects(target)];
  assert.deepEqual([...restored.values()].map(restorable), [...source.values()].map(restorable));
}

// This test sends every kind of request that Holdfast sends to S3. It also runs against real
// servers.
Deno.test("objects of all sizes, changes and unusual names are restored from any S3 server", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "my files", { public: true });
  await createBucket(project, "private", { fileSizeLimit: 50 * MIB });
  await upload(project, "private", "large", bytesOf(17 * MIB + 1, 1), { type: "video/mp4" });
  await upload(project, "private", "empty", new Uint8Array(0));
  const names = [
    "a b/c d.txt",
    "_!.*'() &$=@;:+,?-/x",
    "//leading and doubled",
    "nested/deep/.hidden",
  ];
  for (const name of names) {
    await upload(project, "my files", name, name, { userMetadata: { name, list: [1, null] } });
  }
  const first = await assertHolds(project, await project.backupSnapshot());
  assert.equal(first.entries.get("private/large")!.part_size, 8 * MIB);

  await upload(project, "private", "large", bytesOf(9 * MIB, 2), { type: "video/mp4" });
  await ok(project.storage.from("my files").remove([names[0]!]));
  await ok(project.storage.from("private").move("empty", "moved"));
  const second = await assertHolds(project, await project.backupSnapshot());
  assert.equal(second.run.counters.objects_copied, 1, "only the overwritten object is copied");
  assert.equal(second.entries.size, names.length + 1);
  await assertRestores(project, names.length + 1);

  const unchanged = await project.backup();
  assert.equal(unchanged.counters.objects_copied ?? 0, 0);
});
