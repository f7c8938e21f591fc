import assert from "node:assert/strict";
import { assertHolds } from "../support/assert_snapshot.ts";
import { letRead, slowRead, untilRead } from "../support/hold.ts";
import { bytesOf, createBucket, upload } from "../support/objects.ts";
import { readRows } from "../support/project_reader.ts";
import { stack, TestProject } from "../support/project.ts";

const MIB = 1024 * 1024;

type S3Fault = Parameters<typeof stack.call<"addS3Fault">>[1]["rule"];

/** A project with one large and one small file. */
async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "large", bytesOf(9 * MIB));
  await upload(project, "files", "small");
  return project;
}

async function addFault(project: TestProject, rule: Omit<S3Fault, "bucket">): Promise<void> {
  await stack.call("addS3Fault", { rule: { bucket: project.repository.bucket, ...rule } });
}

/** Starts a backup and overwrites the large file while its first part is read. */
async function overwriteUnderRead(project: TestProject, bytes: Uint8Array<ArrayBuffer>) {
  await slowRead(project, "large");
  const run = await project.start("backup/runs");
  await untilRead(project, "large");
  await upload(project, "files", "large", bytes);
  await letRead(project);
  return await project.succeeded(run);
}

for (const size of [0, 5]) {
  Deno.test(`a large object that becomes ${size} bytes during its upload is copied`, async () => {
    await using project = await createProject();
    await overwriteUnderRead(project, bytesOf(size, 2));
    const { entries, document } = await assertHolds(project, await project.reader.snapshot());
    assert.equal(document.state, "complete");
    assert.equal(entries.get("files/large")!.part_size, undefined);
  });
}

Deno.test("a small object that becomes large during its read is uploaded in parts", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "large", "small yet");
  await overwriteUnderRead(project, bytesOf(9 * MIB));
  const { entries } = await assertHolds(project, await project.reader.snapshot());
  assert.equal(entries.get("files/large")!.part_size, 8 * MIB);
});

Deno.test("an upload that S3 refuses is recorded, and the run continues", async () => {
  await using project = await createProject();
  await addFault(project, {
    route: "UploadPart",
    count: 100,
    fault: { kind: "error", status: 400, code: "InvalidRequest" },
  });
  const { result } = await project.backup();
  assert.deepEqual([result.state, result.totals.objects], ["partial", 2]);
  const [{ name, code }] = await project.sql<[{ name: string; code: string }]>`
    select name, code from holdfast_private.failures`;
  assert.deepEqual([name, code], ["large", "repository_refused"]);
});

Deno.test("a completion whose responses are lost is confirmed by the existing key", async () => {
  await using project = await createProject();
  // The request is repeated: the first try completes the upload, and the second finds it unknown.
  await addFault(project, {
    route: "CompleteMultipartUpload",
    fault: { kind: "lose_reply" },
  });
  await addFault(project, {
    route: "CompleteMultipartUpload",
    count: 100,
    // radosgw's response for an upload that it no longer knows.
    fault: { kind: "error", status: 500, code: "InternalError" },
  });
  const { counters } = await project.backup();
  await assertHolds(project, await project.reader.snapshot());
  const { counts } = await stack.call("s3Requests", { bucket: project.repository.bucket });
  assert.deepEqual([counts.CreateMultipartUpload, counts.UploadPart], [1, 2]);
  assert.equal(counters.objects_copied, 2);
});

for (
  const [what, forgets] of [["refuses to overwrite them", false], [
    "forgets the upload",
    true,
  ]] as const
) {
  Deno.test(`other bytes of the same size under the key are kept if the server ${what}`, async () => {
    await using project = await createProject();
    const { version } = (await readRows(project.sql)).get("files/large")!;
    const taken = `data/files/large/${version}`;
    const location = `${project.reader.prefix}/${taken}`;
    const others = bytesOf(9 * MIB, 7);
    await project.bucket.put(location, others);
    if (forgets) {
      await addFault(project, {
        route: "CompleteMultipartUpload",
        fault: { kind: "error", status: 404, code: "NoSuchUpload" },
      });
    }
    const { entries } = await assertHolds(project, await project.backupSnapshot());
    assert.equal(entries.get("files/large")!.key, `${taken}~2`);
    assert.deepEqual(await project.bucket.get(location), others);
  });
}

Deno.test("an upload that the server lost before its completion restarts", async () => {
  await using project = await createProject();
  // Both parts were uploaded. The server has neither the upload nor the key.
  await addFault(project, {
    route: "CompleteMultipartUpload",
    count: 4,
    fault: { kind: "error", status: 500, code: "InternalError" },
  });
  await addFault(project, {
    route: "ListParts",
    fault: { kind: "error", status: 404, code: "NoSuchUpload" },
  });
  await project.backup();
  await assertHolds(project, await project.reader.snapshot());
});

Deno.test("an upload that never completes is recorded as failed, and the run continues", async () => {
  await using project = await createProject();
  await addFault(project, {
    route: "CompleteMultipartUpload",
    count: 1000,
    fault: { kind: "error", status: 404, code: "NoSuchUpload" },
  });
  const { result } = await project.backup();
  assert.deepEqual([result.state, result.totals.objects], ["partial", 2]);
});
