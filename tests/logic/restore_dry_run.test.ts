import assert from "node:assert/strict";
import { createBucket, ok, upload } from "../support/objects.ts";
import { readBuckets, readObjects } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";

/** A project with two files, of ten and twenty bytes, and a backup of them. */
async function createSource(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "ten", "0123456789");
  await upload(project, "files", "twenty", "01234567890123456789");
  await project.backup();
  return project;
}

async function dry_run(project: TestProject, body?: unknown) {
  const key = await project.key("restore");
  const answer = await project.call("POST", "holdfast-restore/runs", { key, body });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert.equal(answer.body.state, "succeeded", JSON.stringify(answer.body));
  return answer.body.result;
}

Deno.test("a restore is a dry run by default and reports its plan", async () => {
  await using project = await createSource();
  await using target = await TestProject.create({ repository: project.repository });
  for (const body of [undefined, {}, { snapshot: "latest" }, { dry_run: true }]) {
    const report = await dry_run(target, body);
    assert.equal(report.dry_run, true);
    const { objects, bytes, to_restore, bytes_to_restore, already_right, to_compare } = report;
    assert.deepEqual(
      { objects, bytes, to_restore, bytes_to_restore, already_right, to_compare },
      {
        objects: 2,
        bytes: 30,
        to_restore: 2,
        bytes_to_restore: 30,
        already_right: 0,
        to_compare: 0,
      },
    );
    assert.deepEqual(report.buckets_to_create, ["files"]);
    assert.deepEqual(report.would_overwrite, []);
  }
  assert.deepEqual([...await readObjects(target)], []);
  assert.deepEqual(await readBuckets(target.sql), []);
});

Deno.test("a dry run changes no row and no byte, in Storage or in the repository", async () => {
  await using project = await createSource();
  await ok(project.storage.from("files").remove(["ten"]));
  await upload(project, "files", "twenty", "not what the snapshot has");
  await upload(project, "files", "new", "unknown to the snapshot");
  const [objects, buckets] = [await readObjects(project), await readBuckets(project.sql)];
  const repository = await project.bucket.list();
  await project.client.call("resetStorageRequests", {});
  const report = await dry_run(project, { overwrite: "always" });
  assert.deepEqual((await project.client.storageRequests()).records, []);
  assert.deepEqual(await readObjects(project), objects);
  assert.deepEqual(await readBuckets(project.sql), buckets);
  assert.deepEqual(await project.bucket.list(), repository);
  const { to_restore, bytes_to_restore, already_right, to_compare, would_overwrite } = report;
  assert.deepEqual(
    { to_restore, bytes_to_restore, already_right, to_compare, would_overwrite },
    {
      to_restore: 1,
      bytes_to_restore: 10,
      already_right: 0,
      to_compare: 1,
      would_overwrite: ["files/twenty"],
    },
  );
});

Deno.test("a dry run reports objects that already match", async () => {
  await using project = await createSource();
  const report = await dry_run(project);
  assert.deepEqual([report.objects, report.already_right, report.to_restore], [2, 2, 0]);
});

Deno.test("policies that are missing in the target are reported and not created", async () => {
  await using project = await createSource();
  await project.client.applySql(`
    create policy "shared" on storage.objects for select using (bucket_id = 'files');
    create policy "lost" on storage.objects for insert with check (bucket_id = 'files');`);
  await project.backup();
  await using target = await TestProject.create({ repository: project.repository });
  await target.client.applySql(`
    create policy "shared" on storage.objects for select using (bucket_id = 'files');`);
  const report = await dry_run(target);
  assert.deepEqual(report.missing_policies.map((it: { policyname: string }) => it.policyname), [
    "lost",
  ]);
  await target.restore();
  const policies = await target
    .sql`select policyname from pg_policies where schemaname = 'storage'`;
  assert.deepEqual(policies.map(({ policyname }) => policyname), ["shared"]);
});
