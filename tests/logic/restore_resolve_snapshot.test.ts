import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { readObjects } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";
import { digestOf } from "../../stack/repository_reader.ts";

/** A project with three snapshots. The content of the file `a` is the snapshot's number. */
async function createSource(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  for (const text of ["first", "second", "third"]) {
    await upload(project, "files", "a", text);
    await upload(project, "files", `only in ${text} and later`, text);
    await project.backup();
  }
  return project;
}

/** Restores into a new project. Returns the digest of `a` and the number of objects. */
async function restored(source: TestProject, snapshot: string): Promise<[string, number]> {
  await using target = await TestProject.create({ repository: source.repository });
  await target.restore({ snapshot });
  const objects = await readObjects(target);
  return [objects.get("files/a")!.sha256!, objects.size];
}

const digest = (text: string) => digestOf(new TextEncoder().encode(text));

Deno.test("a snapshot of any age is restored by its id", async () => {
  await using source = await createSource();
  const [first, second] = await source.reader.snapshotIds();
  assert.deepEqual(await restored(source, first!), [digest("first"), 2]);
  assert.deepEqual(await restored(source, second!), [digest("second"), 3]);
});

Deno.test("latest is the newest complete snapshot", async () => {
  await using source = await createSource();
  assert.deepEqual(await restored(source, "latest"), [digest("third"), 4]);
});

Deno.test("a time selects the newest snapshot sealed by then", async () => {
  await using source = await createSource();
  const [, second] = await source.reader.snapshotIds();
  const { document } = await source.reader.snapshot(second);
  assert.deepEqual(await restored(source, document.sealed_at), [digest("second"), 3]);
  const [row] = await source.sql`
    select holdfast_private.utc(${document.sealed_at}::timestamptz - interval '1 microsecond') as before`;
  assert.deepEqual(await restored(source, row!.before), [digest("first"), 2]);
});

Deno.test("latest skips a partial snapshot and names it; its id restores it", async () => {
  await using source = await createSource();
  await upload(source, "files", "a", "fourth");
  await upload(source, "files", "b", "fourth");
  await source.addStorageFault({ pathContains: "files/b", count: 100, fault: { status: 500 } });
  const { run, document } = await source.backupSnapshot();
  assert.equal(document.state, "partial");
  await using target = await TestProject.create({ repository: source.repository });
  const { result } = await target.restore();
  const [, , third] = await source.reader.snapshotIds();
  assert.deepEqual([result.snapshot, result.newer_partial], [third, document.id]);
  assert.equal((await readObjects(target)).get("files/a")!.sha256, digest("third"));

  const partial = await target.restore({ snapshot: document.id, overwrite: "always" });
  assert.equal(partial.result.did.objects_unavailable, 1);
  assert.equal(run.result.state, "partial");
});
