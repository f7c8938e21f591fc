import assert from "node:assert/strict";
import { bytesOf, createBucket, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";

const READ = "GET object/authenticated";
/** Affects every request until the fault is cleared. */
const ALL = 1_000_000;
const LARGE_BYTES = 9 * 1024 * 1024;

async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["first", "refused", "last"]) await upload(project, "files", name, name);
  return project;
}

/** Errors for an object that the backend refuses. Older Storage versions send no code. */
for (const code of ["S3Error", null]) {
  Deno.test(`a 403 for one object with ${code ?? "no code"} does not end the run`, async () => {
    await using project = await createProject();
    await upload(project, "files", "large and refused", bytesOf(LARGE_BYTES));
    await project.addStorageFault({
      route: READ,
      pathContains: "refused",
      count: ALL,
      fault: { status: 403, code },
    });
    const { document, entries } = await project.backupSnapshot();
    assert.deepEqual([document.state, document.totals.failed], ["partial", 2]);
    const results = [...entries.values()].map((
      { name, key, code },
    ) => [name, key !== undefined, code]);
    assert.deepEqual(results, [
      ["first", true, undefined],
      ["large and refused", false, "storage_failed"],
      ["last", true, undefined],
      ["refused", false, "storage_failed"],
    ]);

    await project.client.call("clearStorageFaults", {});
    assert.equal((await project.backupSnapshot()).document.state, "complete");
  });
}

for (const [what, code] of [["by its code", "AccessDenied"], ["without a code", null]] as const) {
  Deno.test(`a key that is refused ${what} ends the run, and no object is recorded`, async () => {
    await using project = await createProject();
    for (const route of [READ, "GET buckets"]) {
      await project.addStorageFault({ route, count: ALL, fault: { status: 403, code } });
    }
    const run = await project.ended(await project.start("backup/runs"));
    assert.deepEqual([run.state, run.code], ["failed", "storage_key_refused"], run.message ?? "");
    assert.equal((await project.sql`select from holdfast_private.failures`).length, 0);
  });
}
