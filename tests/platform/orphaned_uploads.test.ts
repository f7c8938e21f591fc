import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { letRead, untilRead } from "../support/hold.ts";
import { bytesOf, createBucket, upload } from "../support/objects.ts";
import { stack, TestProject } from "../support/project.ts";
import { countRequests } from "../support/requests.ts";

const PART_BYTES = 8 * 1024 * 1024;
const PARTS = 4;

type S3Fault = Parameters<typeof stack.call<"addS3Fault">>[1]["rule"];

async function addFault(project: TestProject, rule: Omit<S3Fault, "bucket">): Promise<void> {
  await stack.call("addS3Fault", { rule: { bucket: project.repository.bucket, ...rule } });
}

async function rows(project: TestProject): Promise<number> {
  const [row] = await project.sql`select count(*)::int as uploads from holdfast_private.uploads`;
  return row!.uploads;
}

async function uploadLarge(project: TestProject, name: string, seed = 1): Promise<void> {
  await upload(project, "files", name, bytesOf((PARTS - 1) * PART_BYTES + 1, seed));
}

/** A project whose backup was cancelled after two parts of a large file were sent. */
async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  await uploadLarge(project, "large");
  await project.addStorageFault({
    pathContains: "files/large",
    skip: 2,
    count: PARTS,
    fault: { delayMilliseconds: 45_000 },
  });
  const run = await project.start("backup/runs");
  const { bucket } = project.repository;
  await eventually("two parts", async () => {
    const [row] = await project
      .sql`select count(*)::int as parts from holdfast_private.upload_parts`;
    return row!.parts === 2;
  });
  await untilRead(project, "files/large");
  const answer = await project.call("POST", `holdfast-backup/runs/${run}/cancel`, {
    key: await project.key("operate"),
  });
  assert.equal(answer.status, 200);
  await project.client.killFunction("holdfast-backup");
  await letRead(project);
  const { counts } = await stack.s3Requests(bucket);
  assert.equal(
    counts.CompleteMultipartUpload,
    undefined,
    "the upload was completed: nothing is tested",
  );
  assert.deepEqual([await rows(project), (await project.bucket.openUploads()).length], [1, 1]);
  return project;
}

Deno.test("the next backup continues the upload of a cancelled backup", async () => {
  await using project = await createProject();
  const { s3 } = await countRequests(project, () => project.backup());
  assert.equal(s3.CreateMultipartUpload, undefined);
  assert.equal(s3.UploadPart, PARTS - 2);
  assert.equal(s3.AbortMultipartUpload, undefined);
  await assertHolds(project, await project.reader.snapshot());
  assert.deepEqual([await rows(project), await project.bucket.openUploads()], [0, []]);
});

Deno.test("a cancelled backup's upload of an overwritten object is aborted", async () => {
  await using project = await createProject();
  await uploadLarge(project, "large", 2);
  const { s3 } = await countRequests(project, () => project.backup());
  assert.deepEqual([s3.CreateMultipartUpload, s3.UploadPart], [1, PARTS]);
  assert.equal(s3.AbortMultipartUpload, 1);
  await assertHolds(project, await project.reader.snapshot());
  assert.deepEqual([await rows(project), await project.bucket.openUploads()], [0, []]);
});

Deno.test("an upload that the server no longer knows is removed from the database", async () => {
  await using project = await createProject();
  await upload(project, "files", "large", "small now");
  await addFault(project, {
    route: "AbortMultipartUpload",
    fault: { kind: "error", status: 404, code: "NoSuchUpload" },
  });
  await project.backup();
  assert.equal(await rows(project), 0);
});

Deno.test("a key without permission to abort uploads is logged once, and the backup succeeds", async () => {
  await using project = await createProject();
  await upload(project, "files", "large", "small now");
  await addFault(project, {
    route: "AbortMultipartUpload",
    count: 100,
    fault: { kind: "error", status: 403, code: "AccessDenied" },
  });
  const { result } = await project.backup();
  assert.equal(result.state, "complete");
  assert.equal(await rows(project), 0);
  await project.backup();
  const logs = await project.client.functionLogs("holdfast-backup");
  const lines = logs.filter(({ text }) => /abort the upload/.test(text));
  assert.equal(lines.length, 1, JSON.stringify(lines));
  assert.match(lines[0]!.text, /"code":"repository_access_denied".*"orphaned_uploads":1/);
});

Deno.test("an orphaned upload is aborted by the next run if S3 is unavailable", async () => {
  await using project = await createProject();
  await upload(project, "files", "large", "small now");
  await addFault(project, {
    route: "AbortMultipartUpload",
    count: 100,
    fault: { kind: "error", status: 503, code: "SlowDown" },
  });
  await project.backup();
  assert.equal(await rows(project), 1);
  await stack.call("clearS3Faults", { bucket: project.repository.bucket });
  const { s3 } = await countRequests(project, () => project.backup());
  assert.equal(s3.AbortMultipartUpload, 1);
  assert.deepEqual([await rows(project), await project.bucket.openUploads()], [0, []]);
});

Deno.test("an upload that was started but not recorded is aborted after one day", async () => {
  await using project = await TestProject.create();
  const { bucket } = project.repository;
  await createBucket(project, "files");
  await uploadLarge(project, "first");
  // The upload starts, and the response with its id is lost.
  await addFault(project, { route: "CreateMultipartUpload", fault: { kind: "lose_reply" } });
  await project.backup();
  const foreign = ["foreign/data/a", "holdfast-too/data/b", "holdfast/other"];
  for (const key of foreign) await project.bucket.beginUpload(key);
  const orphans = await project.bucket.openUploads();
  assert.ok(orphans.length > foreign.length, "no upload was lost: nothing is tested");

  await stack.call("ageS3Uploads", { bucket, hours: 23 });
  await uploadLarge(project, "second", 2);
  await project.backup();
  assert.deepEqual(await project.bucket.openUploads(), orphans);

  await stack.call("ageS3Uploads", { bucket, hours: 2 });
  // A backup without large files does not list uploads.
  const { s3 } = await countRequests(project, () => project.backup());
  assert.equal(s3.ListMultipartUploads, undefined);
  assert.deepEqual(await project.bucket.openUploads(), orphans);

  await uploadLarge(project, "third", 3);
  await project.backup();
  assert.deepEqual(await project.bucket.openUploads(), foreign);
});

Deno.test("a backup succeeds with a key that may not list uploads", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await uploadLarge(project, "large");
  await addFault(project, {
    route: "ListMultipartUploads",
    fault: { kind: "error", status: 403, code: "AccessDenied" },
  });
  const { result } = await project.backup();
  assert.equal(result.state, "complete");
});
