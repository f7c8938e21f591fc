import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";

Deno.test("a take-over by the repository's owner changes nothing", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a");
  await project.backup();
  // The state after an import that crashed between its record and its commit.
  await project.succeeded(await project.start("backup/take-over", { force: true }));
  await project.succeeded(await project.start("backup/take-over"));
  assert.equal((await project.bucket.keys()).filter((key) => key.includes("/log/")).length, 3);
});
