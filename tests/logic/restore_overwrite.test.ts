import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { readObjects, readRows, restorable } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";

/** A project with three files and a backup, of which `a` was overwritten since. */
async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["a", "b", "c"]) await upload(project, "files", name, `bytes of ${name}`);
  await project.backup();
  await upload(project, "files", "a", "something else");
  return project;
}

async function failuresOf(project: TestProject, run: string) {
  return [
    ...await project.sql<{ name: string; class: string; code: string }[]>`
      select name, class, code from holdfast_private.failures where run = ${run} order by name`,
  ].map((row) => ({ ...row }));
}

Deno.test("changed objects are kept by default and reported", async () => {
  await using project = await createProject();
  const before = await readObjects(project);
  const { id, result } = await project.restore();
  assert.equal(result.did.objects_kept, 1);
  assert.deepEqual(await failuresOf(project, id), [
    { name: "a", class: "failed", code: "target_differs" },
  ]);
  assert.deepEqual(await readObjects(project), before);
});

Deno.test("if_changed keeps objects that no snapshot holds and reports them", async () => {
  await using project = await createProject();
  const before = await readObjects(project);
  const { id } = await project.restore({ overwrite: "if_changed" });
  assert.deepEqual(await failuresOf(project, id), [
    { name: "a", class: "failed", code: "target_differs" },
  ]);
  assert.deepEqual(await readObjects(project), before);
});

Deno.test("if_changed overwrites objects that a snapshot holds, and none that already match", async () => {
  await using project = await createProject();
  const [first] = await project.reader.snapshotIds();
  await project.backup();
  const before = await readObjects(project);
  const { id, result } = await project.restore({ snapshot: first, overwrite: "if_changed" });
  assert.deepEqual(await failuresOf(project, id), []);
  assert.equal(result.did.objects_overwritten, 1);
  assert.equal(result.did.objects_already_right, 2);
  const after = await readObjects(project);
  const { entries } = await project.reader.snapshot(first);
  assert.equal(after.get("files/a")!.sha256, entries.get("files/a")!.sha256);
  for (const location of ["files/b", "files/c"]) {
    assert.deepEqual(after.get(location), before.get(location), "was changed");
  }
});

Deno.test("restoring the previous snapshot undoes a restore", async () => {
  await using project = await createProject();
  const before = await readObjects(project);
  const [first] = await project.reader.snapshotIds();
  await project.backup();
  const [, second] = await project.reader.snapshotIds();
  await project.restore({ snapshot: first, overwrite: "if_changed" });
  await project.backup();
  await project.restore({ snapshot: second, overwrite: "if_changed" });
  const after = await readObjects(project);
  assert.deepEqual([...after.values()].map(restorable), [...before.values()].map(restorable));
});

Deno.test("edited metadata are restored with `overwrite` and kept without it", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a", "the same bytes", { userMetadata: { edition: 1 } });
  const { snapshot: first } = (await project.backup()).result;
  const userMetadata = async () => (await readObjects(project)).get("files/a")!.user_metadata;
  await project.sql`update storage.objects set user_metadata = '{"edition": 2}'`;
  const { result } = await project.restore();
  assert.equal(result.did.objects_metadata_kept, 1);
  assert.deepEqual(await userMetadata(), { edition: 2 });
  await project.restore({ overwrite: "if_changed", snapshot: first });
  assert.deepEqual(await userMetadata(), { edition: 2 }, "metadata in no snapshot were lost");
  const [failure] = await project
    .sql`select name, code from holdfast_private.failures where job = 'restore'`;
  assert.deepEqual({ ...failure }, { name: "a", code: "target_differs" });
  await project.backup();
  await project.restore({ overwrite: "if_changed", snapshot: first });
  assert.deepEqual(await userMetadata(), { edition: 1 });
});

Deno.test("the content type of a row without user metadata is kept if no snapshot holds it", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a", "the same bytes");
  await project.backup();
  await project.sql`
    update storage.objects set metadata = metadata || '{"cacheControl": "max-age=9"}'`;
  const { id } = await project.restore({ overwrite: "if_changed" });
  assert.equal((await readObjects(project)).get("files/a")!.metadata.cacheControl, "max-age=9");
  assert.deepEqual((await failuresOf(project, id)).map(({ code }) => code), ["target_differs"]);
});

Deno.test("the next restore updates the objects that an earlier one put into another project", async () => {
  await using source = await TestProject.create();
  await createBucket(source, "files");
  await upload(source, "files", "a", "the same bytes");
  await source.backup();
  await using target = await TestProject.create({ repository: source.repository });
  await target.restore();
  await source.sql`update storage.objects set user_metadata = '{"edition": 2}'`;
  await source.backup();
  await target.restore({ overwrite: "if_changed" });
  assert.deepEqual((await readObjects(target)).get("files/a")!.user_metadata, { edition: 2 });
});

Deno.test("an object with the same bytes that a user uploaded matches and is unchanged", async () => {
  await using project = await createProject();
  await using target = await TestProject.create({ repository: project.repository });
  await createBucket(target, "files");
  await upload(target, "files", "b", "bytes of b");
  const before = (await readRows(target.sql)).get("files/b");
  const { id, result } = await target.restore();
  assert.deepEqual(await failuresOf(target, id), []);
  assert.deepEqual([result.did.objects_restored, result.did.objects_already_right], [2, 1]);
  // The times are unchanged, too, because nothing was overwritten.
  assert.deepEqual((await readRows(target.sql)).get("files/b"), before);
});
