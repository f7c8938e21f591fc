import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { readObjects, restorable } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";

/** Reads an object as a user does, so that the CDN caches the answer. */
async function warm(project: TestProject, location: string): Promise<string> {
  const response = await fetch(`${project.url}/storage/v1/object/authenticated/${location}`, {
    headers: { apikey: project.secretKey, authorization: `Bearer ${project.secretKey}` },
  });
  return await response.text();
}

Deno.test("a backup reads the origin, not the CDN's cached answer", async () => {
  await using project = await TestProject.create({ cdn: true });
  await createBucket(project, "files");
  await upload(project, "files", "a", "old", { cacheControl: "max-age=3600" });
  await warm(project, "files/a");
  await upload(project, "files", "a", "new", { cacheControl: "max-age=3600" });
  assert.equal(await warm(project, "files/a"), "old", "the CDN is not stale: nothing is tested");
  const { document } = await assertHolds(project, await project.backupSnapshot());
  assert.equal(document.state, "complete");
});

Deno.test("a restore bypasses the CDN when it reads back an overwritten object", async () => {
  await using project = await TestProject.create({ cdn: true });
  await createBucket(project, "files");
  await upload(project, "files", "a", "as it was");
  await project.backup();
  const [first] = await project.reader.snapshotIds();
  const before = await readObjects(project);
  await upload(project, "files", "a", "as it became");
  await project.backup();
  await warm(project, "files/a");
  const { result } = await project.restore({ snapshot: first, overwrite: "if_changed" });
  assert.equal(result.did.objects_verified, 1);
  const after = await readObjects(project);
  assert.deepEqual([...after.values()].map(restorable), [...before.values()].map(restorable));
});
