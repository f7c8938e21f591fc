import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { countRequests } from "../support/requests.ts";

Deno.test("a backup without changes reads nothing and writes only the snapshot and its record", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  for (let n = 0; n < 20; n++) await upload(project, "files", `${n}.txt`, `number ${n}`);
  const first = await project.backupSnapshot();

  const { result: run, storage, s3 } = await countRequests(project, () => project.backup());
  assert.deepEqual(storage, {});
  // It reads holdfast.json and the log, and writes snapshot.json and its record.
  assert.deepEqual(s3, { GetObject: 1, ListObjectsV2: 1, PutObject: 2 });

  const second = await assertHolds(project, await project.reader.snapshot(run.result.snapshot));
  assert.deepEqual(second.document.parts, first.document.parts);
  assert.deepEqual([...second.entries], [...first.entries]);
});

Deno.test("a project without a bucket gets a snapshot", async () => {
  await using project = await TestProject.create();
  const { document, entries } = await project.backupSnapshot();
  assert.equal(document.state, "complete");
  assert.deepEqual([document.parts, document.buckets, [...entries]], [[], [], []]);
});
