import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";
import { digestOf } from "../../stack/repository_reader.ts";

async function projectWithBackup(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a");
  await project.backup();
  return project;
}

/** Changes a JSON document of the repository. */
async function edit(
  project: TestProject,
  key: string,
  change: Record<string, unknown>,
): Promise<string> {
  const bytes = await project.bucket.get(`holdfast/${key}`);
  const document = JSON.parse(new TextDecoder().decode(bytes));
  const text = JSON.stringify({ ...document, ...change });
  await project.bucket.put(`holdfast/${key}`, text);
  return digestOf(new TextEncoder().encode(text));
}

const CHANGES: [Record<string, unknown>, RegExp][] = [
  [{ format: 2 }, /holdfast\.json is of format 2; this Holdfast reads up to 1/],
  [
    { requires: ["packs", "zstd"] },
    /holdfast\.json requires what this Holdfast does not know: packs, zstd/,
  ],
];

Deno.test("a newer repository is refused with the feature that it requires, and nothing is written", async () => {
  for (const [change, message] of CHANGES) {
    await using project = await projectWithBackup();
    await edit(project, "holdfast.json", change);
    const before = await project.bucket.list();
    await upload(project, "files", "b");
    for (const path of ["backup/runs", "backup/imports"] as const) {
      const run = await project.ended(await project.start(path));
      assert.deepEqual([run.state, run.code], ["failed", "repository_format_unsupported"]);
      assert.match(run.message!, message);
      assert.match(run.remedy!, /Install the newest Holdfast/);
    }
    assert.deepEqual(await project.bucket.list(), before);
    const key = await project.key("restore");
    const { status, body } = await project.call("POST", "holdfast-restore/runs", { key });
    assert.deepEqual([status, body.code], [409, "repository_format_unsupported"]);
    assert.match(body.detail, message);
  }
});

Deno.test("an import refuses a snapshot that requires a newer Holdfast", async () => {
  await using project = await projectWithBackup();
  const [id] = await project.reader.snapshotIds();
  const sha256 = await edit(project, `snapshots/${id}.json`, { requires: ["packs"] });
  await edit(project, "log/0000000000000002.json", { sha256 });
  await using target = await TestProject.create({ repository: project.repository });
  const run = await target.ended(await target.start("restore/runs", { dry_run: false }));
  assert.deepEqual([run.state, run.code], ["failed", "repository_format_unsupported"]);
  assert.match(run.message!, /requires what this Holdfast does not know: packs/);
});

Deno.test("unknown fields are ignored", async () => {
  await using project = await projectWithBackup();
  const [id] = await project.reader.snapshotIds();
  await edit(project, "holdfast.json", { later: { field: 1 } });
  const sha256 = await edit(project, `snapshots/${id}.json`, { later: [1] });
  await edit(project, "log/0000000000000002.json", { sha256, later: "too" });
  await using target = await TestProject.create({ repository: project.repository });
  const { result } = await target.restore();
  assert.equal(result.did.objects_verified, 1);
});
