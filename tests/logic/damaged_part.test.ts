import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { stack, TestProject } from "../support/project.ts";

Deno.test("an existing part with other bytes is not used in a snapshot", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a");
  // The part is written, but the snapshot is not. The next run writes the same part.
  await stack.call("addS3Fault", {
    rule: {
      bucket: project.repository.bucket,
      route: "PutObject",
      keyContains: "/snapshots/",
      fault: { kind: "error", status: 403, code: "AccessDenied" },
    },
  });
  assert.equal((await project.ended(await project.start("backup/runs"))).state, "failed");
  const [part] = (await project.bucket.keys()).filter((key) => key.includes("/lists/"));
  await project.bucket.put(part!, new TextEncoder().encode("not what was written"));
  const { state, code, message } = await project.ended(await project.start("backup/runs"));
  assert.deepEqual([state, code], ["failed", "repository_damaged"]);
  assert.ok(message!.includes("lists/"));
});
