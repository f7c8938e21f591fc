import assert from "node:assert/strict";
import { bytesOf, createBucket, upload } from "../support/objects.ts";
import { letRead, slowRead, untilRead } from "../support/hold.ts";
import { readObjects, restorable } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { countRequests } from "../support/requests.ts";

const MIB = 1024 * 1024;
/** Larger objects are uploaded to the repository in parts of this size. */
const PART_BYTES = 8 * MIB;

const SIZES: Record<string, number> = {
  empty: 0,
  "one byte": 1,
  "less than a part": PART_BYTES - 1,
  "a part": PART_BYTES,
  "a part and a byte": PART_BYTES + 1,
  "two parts": 2 * PART_BYTES,
  "three parts": 17 * 1_000_000,
};

Deno.test("objects of every size are backed up and restored with identical bytes", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  for (const [name, size] of Object.entries(SIZES)) {
    await upload(project, "files", name, bytesOf(size, size + 1), { type: "application/x-test" });
  }
  const { result: snapshot, s3 } = await countRequests(project, () => project.backupSnapshot());
  const { entries } = await assertHolds(project, snapshot);
  const partSizes = [...entries.values()].map(({ name, part_size }) => [name, part_size]);
  assert.deepEqual(Object.fromEntries(partSizes), {
    empty: undefined,
    "one byte": undefined,
    "less than a part": undefined,
    "a part": undefined,
    "a part and a byte": PART_BYTES,
    "two parts": PART_BYTES,
    "three parts": PART_BYTES,
  });
  assert.deepEqual([s3.CreateMultipartUpload, s3.UploadPart, s3.CompleteMultipartUpload], [
    3,
    2 + 2 + 3,
    3,
  ]);

  await using target = await TestProject.create({ repository: project.repository });
  await target.restore();
  const [source, restored] = [await readObjects(project), await readObjects(target)];
  assert.deepEqual([...restored.values()].map(restorable), [...source.values()].map(restorable));
});

Deno.test("a large object that is overwritten during its upload is copied in its new state", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "large", bytesOf(2 * PART_BYTES, 1));
  await slowRead(project, "large");
  const run = await project.start("backup/runs");
  await untilRead(project, "large");
  await upload(project, "files", "large", bytesOf(2 * PART_BYTES + 5, 2));
  await letRead(project);
  await project.succeeded(run);
  const { entries } = await assertHolds(project, await project.reader.snapshot());
  assert.equal(entries.get("files/large")!.size, 2 * PART_BYTES + 5);
});
