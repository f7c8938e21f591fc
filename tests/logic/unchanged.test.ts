import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { countRequests } from "../support/requests.ts";

Deno.test("a backup of what did not change reads nothing and writes only that it looked", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  for (let n = 0; n < 20; n++) await upload(project, "files", `${n}.txt`, `number ${n}`);
  const first = await project.backupSnapshot();

  const { result: run, storage, s3 } = await countRequests(project, () => project.backup());
  assert.deepEqual(storage, {});
  // holdfast.json and the log are looked at; snapshot.json and its record are written.
  assert.deepEqual(s3, { GetObject: 1, ListObjectsV2: 1, PutObject: 2 });

  const second = await assertHolds(project, await project.reader.snapshot(run.result.snapshot));
  assert.deepEqual(second.document.parts, first.document.parts);
  assert.deepEqual([...second.entries], [...first.entries]);
});

Deno.test("a project without a bucket has a snapshot too", async () => {
  await using project = await TestProject.create();
  const { document, entries } = await project.backupSnapshot();
  assert.equal(document.state, "complete");
  assert.deepEqual([document.parts, document.buckets, [...entries]], [[], [], []]);
});
