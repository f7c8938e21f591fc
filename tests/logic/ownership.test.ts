import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";

Deno.test("writing to another project's repository is refused and its owner is named", async () => {
  await using owner = await TestProject.create();
  await createBucket(owner, "files");
  await upload(owner, "files", "a");
  await owner.backup();
  const [snapshot] = await owner.reader.snapshotIds();
  const before = await owner.bucket.list();

  await using other = await TestProject.create({ repository: owner.repository });
  await createBucket(other, "files");
  await upload(other, "files", "a", "the other's");
  // This also applies if a restore has recorded the repository in its catalog.
  for (const met of [false, true]) {
    if (met) await other.restore();
    const run = await other.ended(await other.start("backup/runs"));
    assert.deepEqual([run.state, run.code], ["failed", "repository_not_ours"]);
    assert.equal(
      run.message,
      `the repository belongs to ${owner.url}; its last snapshot is ${snapshot}`,
    );
    assert.match(run.remedy!, /another HOLDFAST_S3_PREFIX .* or take the repository over/);
    assert.deepEqual(await owner.bucket.list(), before, "something was written");
  }
  await owner.backup();
});

Deno.test("two projects with different prefixes can share a bucket", async () => {
  await using one = await TestProject.create();
  const { stack } = one.client;
  const { bucket } = one.repository;
  const repository = await stack.call("repositoryBucket", { bucket, prefix: "team/other" });
  await using other = await TestProject.create({ repository });
  for (const project of [one, other]) {
    await createBucket(project, "files");
    await upload(project, "files", "a", `bytes of ${project.url}`);
    await project.backup();
  }
  for (const project of [one, other]) {
    const { entries, document } = await project.reader.snapshot();
    assert.equal(document.project_url, project.url);
    const bytes = await project.reader.bytes(entries.get("files/a")!);
    assert.equal(new TextDecoder().decode(bytes), `bytes of ${project.url}`);
  }
});

Deno.test("only one of two projects that create a repository at once succeeds", async () => {
  await using one = await TestProject.create();
  await using other = await TestProject.create({ repository: one.repository });
  const runs = await Promise.all([one, other].map(async (project) => {
    return await project.ended(await project.start("backup/runs"));
  }));
  const states = runs.map(({ state, code }) => [state, code]).sort();
  assert.deepEqual(states, [["failed", "repository_not_ours"], ["succeeded", null]]);
  const winner = runs[0]!.state === "succeeded" ? one : other;
  const { document } = await winner.reader.snapshot();
  assert.equal(document.project_url, winner.url);
});
