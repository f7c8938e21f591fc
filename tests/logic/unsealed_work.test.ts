import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { stack, TestProject } from "../support/project.ts";

/** A project whose backup copied everything and failed before its seal. */
async function createUnsealed(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "sealed");
  await project.backup();
  for (const name of ["a", "b", "c"]) await upload(project, "files", name, `bytes of ${name}`);
  await stack.call("addS3Fault", {
    rule: {
      bucket: project.repository.bucket,
      route: "PutObject",
      keyContains: "/snapshots/",
      fault: { kind: "error", status: 403, code: "AccessDenied" },
    },
  });
  const { state, counters } = await project.ended(await project.start("backup/runs"));
  assert.deepEqual([state, counters.objects_copied], ["failed", 3]);
  return project;
}

async function copiedNext(project: TestProject): Promise<number> {
  const { counters, result } = await project.backup();
  assert.equal(result.totals.objects, 4);
  return counters.objects_copied ?? 0;
}

Deno.test("a dry run does not discard the work of an unfinished backup", async () => {
  await using project = await createUnsealed();
  const key = await project.key("restore");
  const answer = await project.call("POST", "holdfast-restore/runs", { key, body: {} });
  assert.equal(answer.body.result.objects, 1, JSON.stringify(answer.body));
  assert.equal(await copiedNext(project), 0);
});

Deno.test("an import without new snapshots does not discard the work of an unfinished backup", async () => {
  await using project = await createUnsealed();
  await project.importLog();
  assert.equal(await copiedNext(project), 0);
});
