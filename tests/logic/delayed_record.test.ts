import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { failAfterRecord } from "../support/fail_after_record.ts";
import { createBucket, ok, upload } from "../support/objects.ts";
import { type ReadObject, readObjects, restorable } from "../support/project_reader.ts";
import { stack, TestProject } from "../support/project.ts";
import { tickToTheEnd } from "../support/tick.ts";

/**
 * A project whose second snapshot has no record yet: the slice that writes the record is suspended.
 */
interface DelayedRecord {
  /** Objects of the second snapshot. */
  second: Map<string, ReadObject>;
  /** Resumes the slice. Its record is written long after the third snapshot's. */
  writeRecord(): Promise<void>;
}

async function createWithDelayedRecord(project: TestProject): Promise<DelayedRecord> {
  await createBucket(project, "files");
  for (const name of ["same", "changed", "deleted"]) await upload(project, "files", name, "first");
  await project.backup();
  for (const name of ["changed", "deleted", "passing"]) {
    await upload(project, "files", name, "second");
  }
  const second = await readObjects(project);
  await failAfterRecord(project);
  const [recordKey] = (await project.reader.keys("log/")).slice(-1);
  const record = await project.bucket.get(`holdfast/${recordKey}`);
  await project.bucket.remove(`holdfast/${recordKey}`);
  await upload(project, "files", "changed", "third");
  await ok(project.storage.from("files").remove(["deleted", "passing"]));
  await project.backup();
  return { second, writeRecord: () => project.bucket.put(`holdfast/${recordKey}`, record!) };
}

Deno.test("a record written after the next run's seal adds nothing to that run's snapshot", async () => {
  await using project = await TestProject.create();
  const { second, writeRecord } = await createWithDelayedRecord(project);
  await writeRecord();
  const ids = await project.reader.snapshotIds();
  assert.equal(ids.length, 3);

  for (const [id, objects] of [[ids[1], second], [ids[2], await readObjects(project)]] as const) {
    await using target = await TestProject.create({ repository: project.repository });
    await target.restore({ snapshot: id! });
    const restored = await readObjects(target);
    assert.deepEqual([...restored.keys()], [...objects.keys()]);
    assert.deepEqual([...restored.values()].map(restorable), [...objects.values()].map(restorable));
  }

  await using heir = await TestProject.create({ repository: project.repository });
  await heir.succeeded(await heir.start("backup/take-over", { force: true }));
  await heir.restore();
  const copied = await heir.backup();
  await assertHolds(heir, await heir.reader.snapshot(copied.result.snapshot));
});

Deno.test("a record written during the import of the next snapshot adds none of its lines", async () => {
  await using project = await TestProject.create();
  const { writeRecord } = await createWithDelayedRecord(project);
  // The log lacks the snapshot that both build on, so the third starts with the full listing.
  const [, first] = await project.reader.keys("log/");
  await project.bucket.remove(`holdfast/${first}`);
  const { document } = await project.reader.snapshot();
  const { bucket } = project.repository;
  const rule = {
    bucket,
    route: "GetObject",
    keyContains: document.parts.at(-1)!.key,
    count: 1_000,
    fault: { kind: "error", status: 503, code: "SlowDown" },
  } as const;
  await stack.call("addS3Fault", { rule });
  await using reader = await TestProject.create({ repository: project.repository });
  const run = await reader.start("backup/imports");
  await eventually("a part taken, and none more", async () => {
    const [cursor] = await reader.sql`
      select position ->> 'part' as part from holdfast_private.cursors where run = ${run} and stage = 'import'`;
    return cursor?.part === "1";
  });
  await reader.client.functionsIdle();
  await writeRecord();
  await stack.call("clearS3Faults", { bucket });
  await tickToTheEnd(reader, run);
  await reader.succeeded(run);

  const known = await reader.sql`select id from holdfast_private.snapshots order by sequence`;
  assert.deepEqual(known.map(({ id }) => id), [document.id]);
  await reader.restore();
  const [restored, objects] = [await readObjects(reader), await readObjects(project)];
  assert.deepEqual([...restored.values()].map(restorable), [...objects.values()].map(restorable));
});
