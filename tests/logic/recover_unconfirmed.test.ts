import assert from "node:assert/strict";
import { assertHolds } from "../support/assert_snapshot.ts";
import { failAfterRecord } from "../support/fail_after_record.ts";
import { createBucket, ok, upload } from "../support/objects.ts";
import { readObjects, restorable } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";

/** Records whose writes have no confirmed result. The next run reads them by their keys. */
async function unanswered({ sql }: TestProject): Promise<number[]> {
  const [row] = await sql<[{ records: number[] }]>`
    select holdfast_private.known_repository(repository_id) -> 'unconfirmed_records' as records
    from holdfast_private.repositories`;
  return row.records;
}

Deno.test("the next run adopts a snapshot whose run failed after its record was written", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["a", "b", "c"]) await upload(project, "files", name, `bytes of ${name}`);
  await project.backup();
  await upload(project, "files", "a", "changed");
  await ok(project.storage.from("files").remove(["b"]));
  const then = await readObjects(project);
  await failAfterRecord(project);
  const ids = await project.reader.snapshotIds();
  assert.equal(ids.length, 2);
  assert.deepEqual(await unanswered(project), [3]);

  await upload(project, "files", "d", "bytes of d");
  const next = await project.backup();
  const [{ copied }] = await project.sql<[{ copied: number }]>`
    select sum((counters ->> 'objects_copied')::integer)::integer as copied
    from holdfast_private.cursors where run = ${next.id}`;
  assert.equal(copied, 1);
  assert.deepEqual(await unanswered(project), []);
  const snapshot = await assertHolds(project, await project.reader.snapshot());
  assert.equal((await project.reader.snapshotIds()).length, 3);
  assert.equal(snapshot.entries.size, 3);

  // The adopted snapshot restores as the catalog lists it.
  await using target = await TestProject.create({ repository: project.repository });
  await target.restore({ snapshot: ids[1]! });
  const restored = await readObjects(target);
  assert.deepEqual([...restored.values()].map(restorable), [...then.values()].map(restorable));
});

Deno.test("a run rejects a record with its sequence but other bytes", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await project.backup();
  await upload(project, "files", "a", "bytes of a");
  await failAfterRecord(project);
  await project
    .sql`update holdfast_private.runs set frozen = frozen || ' ' where frozen is not null`;
  const run = await project.ended(await project.start("backup/runs"));
  assert.deepEqual([run.state, run.code], ["failed", "catalog_behind"]);
  await project.importLog();
  await project.backup();
  await assertHolds(project, await project.reader.snapshot());
});

Deno.test("an unconfirmed snapshot that an import has discarded is not adopted", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a", "bytes of a");
  await project.backup();
  for (const name of ["b", "c"]) await upload(project, "files", name, `bytes of ${name}`);
  await failAfterRecord(project);
  // An import started before the record was written, and continued from a listing without it.
  await project
    .sql`select holdfast_private.rollback_unsealed_step(repository, 100) from holdfast_private.runs
    where frozen is not null`;
  assert.deepEqual(await unanswered(project), [3]);
  const run = await project.ended(await project.start("backup/runs"));
  assert.deepEqual([run.state, run.code], ["failed", "catalog_behind"]);
  await project.importLog();
  assert.deepEqual(await unanswered(project), []);
  await project.backup();
  const snapshot = await assertHolds(project, await project.reader.snapshot());
  assert.equal(snapshot.entries.size, 3);
});
