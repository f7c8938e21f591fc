import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { stack, TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";

async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["a", "b", "c"]) await upload(project, "files", name, `bytes of ${name}`);
  return project;
}

Deno.test("an object that failed makes a snapshot partial until it is copied", async () => {
  await using project = await createProject();
  await project.addStorageFault({ pathContains: "files/b", count: 100, fault: { status: 500 } });
  const first = await project.backupSnapshot();
  assert.equal(first.document.state, "partial");
  assert.deepEqual([first.run.counters.objects_copied, first.run.counters.objects_failed], [2, 1]);
  const { key, code } = first.entries.get("files/b")!;
  assert.deepEqual([key, code], [undefined, "storage_failed"]);
  assert.deepEqual([first.document.totals.failed, first.document.totals.unavailable], [1, 0]);

  await project.client.call("clearStorageFaults", {});
  const second = await assertHolds(project, await project.backupSnapshot());
  assert.equal(second.document.state, "complete");
  assert.equal(second.run.counters.objects_copied, 1);
  const failures = await project.sql`select from holdfast_private.failures`;
  assert.equal(failures.length, 0);
});

Deno.test("a temporary failure is retried and not recorded", async () => {
  const faults = [
    { status: 429, retryAfterSeconds: 1 },
    { status: 503 },
    { reset: "before" },
    { truncateAfterBytes: 3 },
    { etag: '"a stale one"' },
  ] as const;
  await using project = await createProject();
  for (const [index, fault] of faults.entries()) {
    await upload(project, "files", "a", `version ${index}`);
    await project.addStorageFault({ pathContains: "files/a", fault });
    const { document, run } = await assertHolds(project, await project.backupSnapshot());
    assert.equal(document.state, "complete", JSON.stringify(fault));
    assert.equal(run.counters.objects_failed ?? 0, 0);
  }
});

Deno.test("a request that S3 loses is repeated, and nothing is written twice", async () => {
  const faults = [
    { kind: "error", status: 503, code: "SlowDown", retryAfterSeconds: 1 },
    { kind: "error", status: 500, code: "InternalError" },
    { kind: "reset", when: "before_body" },
    { kind: "reset", when: "after_body" },
    { kind: "lose_reply" },
  ] as const;
  await using project = await createProject();
  const { bucket } = project.repository;
  for (const keyContains of ["/data/", "/lists/", "/snapshots/", "/log/"]) {
    for (const [index, fault] of faults.entries()) {
      await upload(project, "files", "a", `${keyContains} ${index}`);
      await stack.call("addS3Fault", { rule: { bucket, route: "PutObject", keyContains, fault } });
      await assertHolds(project, await project.backupSnapshot());
    }
  }
  const data = await project.reader.keys("data/");
  assert.equal(data.length, 3 + 4 * faults.length - 1, "each version has one key");
});
