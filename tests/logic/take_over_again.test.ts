import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";

Deno.test("a project that owns the repository has nothing to take over", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a");
  await project.backup();
  // As an import is found that died between its record and its commit.
  await project.succeeded(await project.start("backup/take-over", { force: true }));
  await project.succeeded(await project.start("backup/take-over"));
  assert.equal((await project.bucket.keys()).filter((key) => key.includes("/log/")).length, 3);
});
