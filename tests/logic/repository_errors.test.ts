import assert from "node:assert/strict";
import { createBucket, upload } from "../support/objects.ts";
import { type RunRow, stack, TestProject } from "../support/project.ts";
import { freePort } from "../../stack/process/ports.ts";

/** A project with one file. Its secrets name a new repository; some of them can be overridden. */
async function createProject(change: Record<string, string>): Promise<TestProject> {
  const repository = await stack.createRepositoryBucket();
  const secrets = { ...repository.secrets, ...change };
  const project = await TestProject.create({ repository, secrets });
  await createBucket(project, "files");
  await upload(project, "files", "a");
  return project;
}

/** Results of both starts: the backup's run, and the response to the restore. */
async function assertFails(
  project: TestProject,
  expected: { code: string; message: RegExp; remedy: RegExp },
): Promise<void> {
  const run = await project.ended(await project.start("backup/runs"));
  assert.deepEqual([run.state, run.code], ["failed", expected.code], JSON.stringify(run));
  assert.match(run.message!, expected.message);
  assert.match(run.remedy!, expected.remedy);
  const key = await project.key("restore");
  const { status, body } = await project.call("POST", "holdfast-restore/runs", { key });
  assert.deepEqual([status, body.code], [502, expected.code], JSON.stringify(body));
  assert.match(body.detail, expected.message);
  assert.match(body.remedy, expected.remedy);
}

/** Asserts that a failed run does not block the next one. */
async function assertRepairs(project: TestProject): Promise<RunRow> {
  await project.client.setSecrets(project.repository.secrets);
  return await project.backup();
}

Deno.test("a missing bucket", async () => {
  await using project = await createProject({ HOLDFAST_S3_BUCKET: "there-is-no-such-bucket" });
  await assertFails(project, {
    code: "repository_bucket_missing",
    message: /NoSuchBucket/,
    remedy: /HOLDFAST_S3_BUCKET/,
  });
  await assertRepairs(project);
});

Deno.test("a wrong secret", async () => {
  await using project = await createProject({ HOLDFAST_S3_SECRET_ACCESS_KEY: "not-the-secret" });
  await assertFails(project, {
    code: "repository_key_refused",
    message: /SignatureDoesNotMatch/,
    remedy: /HOLDFAST_S3_SECRET_ACCESS_KEY/,
  });
  await assertRepairs(project);
});

Deno.test("an unknown access key", async () => {
  await using project = await createProject({ HOLDFAST_S3_ACCESS_KEY_ID: "UNKNOWN" });
  await assertFails(project, {
    code: "repository_key_refused",
    message: /InvalidAccessKeyId/,
    remedy: /HOLDFAST_S3_ACCESS_KEY_ID/,
  });
  await assertRepairs(project);
});

Deno.test("an unreachable server", async () => {
  const endpoint = `http://127.0.0.1:${freePort()}`;
  await using project = await createProject({ HOLDFAST_S3_ENDPOINT: endpoint });
  await assertFails(project, {
    code: "repository_unreachable",
    message: /holdfast\.json/,
    remedy: /HOLDFAST_S3_ENDPOINT/,
  });
  await assertRepairs(project);
});

Deno.test("a server that returns only errors", async () => {
  await using project = await createProject({});
  await stack.call("addS3Fault", {
    rule: {
      bucket: project.repository.bucket,
      count: 100,
      fault: { kind: "error", status: 503, code: "ServiceUnavailable" },
    },
  });
  await assertFails(project, {
    code: "repository_unreachable",
    message: /ServiceUnavailable/,
    remedy: /server is up/,
  });
  await stack.call("clearS3Faults", { bucket: project.repository.bucket });
  await project.backup();
});

Deno.test("a read-only key cannot create a repository or write to one", async () => {
  await using project = await createProject({});
  const { bucket } = project.repository;
  const reading = await stack.call("repositoryBucket", { bucket, permissions: "read" });
  await project.client.setSecrets(reading.secrets);
  const run = await project.ended(await project.start("backup/runs"));
  assert.deepEqual([run.state, run.code], ["failed", "repository_access_denied"]);
  assert.match(run.remedy!, /get and put objects under the prefix/);
  assert.deepEqual(await project.bucket.keys(), []);

  await assertRepairs(project);
  const before = await project.bucket.list();
  await project.client.setSecrets(reading.secrets);
  for (const name of ["nothing new", "b"]) {
    if (name === "b") await upload(project, "files", "b");
    const refused = await project.ended(await project.start("backup/runs"));
    assert.deepEqual([refused.state, refused.code], ["failed", "repository_access_denied"], name);
    assert.deepEqual(await project.bucket.list(), before, name);
  }
  await project.client.setSecrets(project.repository.secrets);
  await project.backup();
  assert.equal((await project.reader.snapshot()).entries.size, 2);
});
