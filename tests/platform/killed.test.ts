import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { bytesOf, createBucket, upload } from "../support/objects.ts";
import { letRead, slowRead, untilRead } from "../support/hold.ts";
import { readObjects, restorable } from "../support/project_reader.ts";
import { stack, TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { expireLeases, schedule, tick } from "../support/tick.ts";

const PART_BYTES = 8 * 1024 * 1024;

/** Number of requests to a route of the repository's bucket so far. */
async function countS3(project: TestProject, route: string): Promise<number> {
  return (await stack.s3Requests(project.repository.bucket)).counts[route] ?? 0;
}

Deno.test("after a killed slice, the tick repeats only the page in progress and keeps commits", async () => {
  await using project = await TestProject.create();
  await schedule(project);
  for (const bucket of ["one", "two"]) {
    await createBucket(project, bucket);
    for (let n = 0; n < 5; n++) await upload(project, bucket, `${n}`, `${bucket} ${n}`);
  }
  await slowRead(project, "two/3");
  const run = await project.start("backup/runs");
  await untilRead(project, "two/3");
  assert.ok(await project.client.killFunction("holdfast-backup") > 0);
  await project.client.call("resetStorageRequests", {});

  await tick(project);
  assert.deepEqual(
    (await project.client.storageRequests()).counts,
    {},
    "its lease has not expired",
  );
  await expireLeases(project);
  await tick(project);
  await project.succeeded(run);
  assert.deepEqual((await project.client.storageRequests()).counts, {
    "GET object/authenticated": 5,
  });
  await assertHolds(project, await project.reader.snapshot());
  const keys = await project.reader.keys("data/");
  assert.equal(keys.length, 10, "each version has one key");
});

Deno.test("a large upload continues at its first missing part", async () => {
  await using project = await TestProject.create();
  await schedule(project);
  await createBucket(project, "files");
  await upload(project, "files", "large", bytesOf(3 * PART_BYTES + 1));
  // The first two parts are uploaded. The other two wait.
  await project.addStorageFault({
    pathContains: "files/large",
    skip: 2,
    count: 2,
    fault: { delayMilliseconds: 45_000 },
  });
  const run = await project.start("backup/runs");
  await eventually("two parts", async () => {
    const [row] = await project
      .sql`select count(*)::int as parts from holdfast_private.upload_parts`;
    return row!.parts === 2;
  });
  await untilRead(project, "files/large");
  await project.client.killFunction("holdfast-backup");
  await letRead(project);
  await expireLeases(project);
  await tick(project);
  await project.succeeded(run);
  assert.equal(await countS3(project, "UploadPart"), 4);
  assert.equal(await countS3(project, "CreateMultipartUpload"), 1);
  await assertHolds(project, await project.reader.snapshot());
});

Deno.test("a slice that crashes during the seal is sealed once, with identical bytes", async () => {
  await using project = await TestProject.create();
  await schedule(project);
  await createBucket(project, "files");
  await upload(project, "files", "a");
  const { bucket } = project.repository;
  // The slice has put snapshot.json and crashes before the log record.
  await stack.call("addS3Fault", {
    rule: {
      bucket,
      route: "PutObject",
      keyContains: "/log/",
      skip: 1,
      fault: { kind: "delay", delayMilliseconds: 1500 },
    },
  });
  const run = await project.start("backup/runs");
  const sealedKey = async () => (await project.reader.keys("snapshots/"))[0];
  await eventually("snapshot.json", async () => await sealedKey() !== undefined);
  await project.client.killFunction("holdfast-backup");
  await stack.call("clearS3Faults", { bucket });
  assert.deepEqual(await project.reader.snapshotIds(), [], "the snapshot is counted already");
  const bytes = await project.bucket.get(`holdfast/${await sealedKey()}`);

  // Changes from here on are not part of this snapshot.
  await upload(project, "files", "b");
  await expireLeases(project);
  await tick(project);
  await project.succeeded(run);
  assert.equal((await project.reader.keys("snapshots/")).length, 1);
  assert.deepEqual(await project.bucket.get(`holdfast/${await sealedKey()}`), bytes);
  assert.deepEqual([...(await project.reader.snapshot()).entries.keys()], ["files/a"]);
});

Deno.test("a killed restore continues and restores each object once", async () => {
  await using source = await TestProject.create();
  for (const bucket of ["one", "two"]) {
    await createBucket(source, bucket);
    for (let n = 0; n < 5; n++) await upload(source, bucket, `${n}`, `${bucket} ${n}`);
  }
  await source.backup();
  await using target = await TestProject.create({ repository: source.repository });
  await schedule(target);
  await target.addStorageFault({
    route: "POST object",
    pathContains: "two/3",
    fault: { delayMilliseconds: 45_000 },
  });
  const run = await target.start("restore/runs", { dry_run: false });
  await eventually("an upload to two/3", async () => {
    const { records } = await target.client.storageRequests();
    return records.some(({ path, status }) => path.includes("two/3") && status === 0);
  });
  await target.client.killFunction("holdfast-restore");
  await letRead(target);
  await expireLeases(target);
  await tick(target);
  await target.succeeded(run);
  const [objects, restored] = [await readObjects(source), await readObjects(target)];
  assert.deepEqual([...restored.values()].map(restorable), [...objects.values()].map(restorable));
  const buckets = await target.sql`select id from storage.buckets order by id`;
  assert.deepEqual(buckets.map(({ id }) => id), ["one", "two"]);
});
