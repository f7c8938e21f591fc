import assert from "node:assert/strict";
import { assertHolds } from "../support/assert_snapshot.ts";
import { uploadMany } from "../support/many.ts";
import { createBucket, upload } from "../support/objects.ts";
import { stack, TestProject } from "../support/project.ts";
import { expireLeases, schedule, tick } from "../support/tick.ts";

type StorageFault = Parameters<TestProject["addStorageFault"]>[0]["fault"];

const READ = "GET object/authenticated";
/** Affects every request until the fault is cleared. */
const ALL = 1_000_000;

/** A project with some files and no backup. */
async function createProject(count = 40): Promise<TestProject> {
  const project = await TestProject.create();
  await schedule(project);
  await createBucket(project, "files");
  await uploadMany(project, "files", count, 1_000);
  return project;
}

/** Simulates one minute, in which leases expire. */
async function minute(project: TestProject): Promise<void> {
  await expireLeases(project);
  await tick(project);
  await project.client.functionsIdle();
}

/** Starts a backup during an outage and waits until a slice has given up. */
async function startInOutage(project: TestProject, fault: StorageFault): Promise<string> {
  await project.addStorageFault({ route: READ, count: ALL, fault });
  const run = await project.start("backup/runs");
  await project.client.functionsIdle();
  return run;
}

async function assertWaits(project: TestProject, run: string, what: string): Promise<void> {
  const { state, counters } = await project.run(run);
  assert.deepEqual([state, counters.objects_failed ?? 0], ["running", 0], what);
  const failures = await project.sql`select from holdfast_private.failures`;
  assert.equal(failures.length, 0, what);
}

const OUTAGES: [what: string, fault: StorageFault][] = [
  ["errors of Storage", { status: 500 }],
  ["errors of a gateway without Storage", { status: 502 }],
  ["rate limiting by Storage", { status: 429 }],
  ["connection resets", { reset: "before" }],
  ["truncated bodies", { truncateAfterBytes: 10 }],
];
for (const [what, fault] of OUTAGES) {
  Deno.test(`a backup waits during ${what}, and no object is recorded as failed`, async () => {
    await using project = await createProject();
    const run = await startInOutage(project, fault);
    await assertWaits(project, run, what);
    await minute(project);
    await assertWaits(project, run, `${what}, a minute later`);
    await project.client.call("clearStorageFaults", {});
    await minute(project);
    const { counters } = await project.succeeded(run);
    assert.equal(counters.objects_copied, 40);
    assert.equal(
      (await assertHolds(project, await project.reader.snapshot())).document.state,
      "complete",
    );
  });
}

Deno.test("an outage during a backup loses nothing that was copied", async () => {
  await using project = await createProject(200);
  await project.addStorageFault({ route: READ, skip: 100, count: ALL, fault: { status: 503 } });
  const run = await project.start("backup/runs");
  await project.client.functionsIdle();
  await assertWaits(project, run, "after half of it");
  const { counters: { objects_copied } } = await project.run(run);
  assert.equal(objects_copied, 100);
  await project.client.call("clearStorageFaults", {});
  await project.client.call("resetStorageRequests", {});
  await minute(project);
  await project.succeeded(run);
  const { counts } = await project.client.storageRequests();
  assert.equal(counts[READ], 100, "each object was read once");
  assert.equal(
    (await assertHolds(project, await project.reader.snapshot())).document.state,
    "complete",
  );
});

Deno.test("an outage of the S3 server during a backup loses nothing that it stored", async () => {
  await using project = await createProject(200);
  const { bucket } = project.repository;
  const fault = { kind: "error", status: 503, code: "SlowDown" } as const;
  await stack.call("addS3Fault", {
    rule: { bucket, route: "PutObject", keyContains: "/data/", skip: 100, count: ALL, fault },
  });
  const run = await project.start("backup/runs");
  await project.client.functionsIdle();
  await assertWaits(project, run, "after half of it");
  assert.equal((await project.run(run)).counters.objects_copied, 100);
  await stack.call("clearS3Faults", { bucket });
  await minute(project);
  await project.succeeded(run);
  assert.equal(
    (await assertHolds(project, await project.reader.snapshot())).document.state,
    "complete",
  );
});

Deno.test("an object that always fails is recorded at once, although it is the only new one", async () => {
  await using project = await createProject(3);
  await project.backup();
  await upload(project, "files", "new", "some bytes");
  await project.addStorageFault({
    route: READ,
    pathContains: "files/new",
    count: ALL,
    fault: { status: 500 },
  });
  const { document, entries } = await project.backupSnapshot();
  assert.equal(document.state, "partial");
  assert.equal(entries.get("files/new")?.code, "storage_failed");
});

Deno.test("a backup ends although no object of the project can be read", async () => {
  await using project = await createProject(30);
  const run = await startInOutage(project, { status: 500 });
  for (let passed = 0; passed < 3; passed++) await minute(project);
  await assertWaits(project, run, "for some minutes");
  await minute(project);
  const { counters, result } = await project.succeeded(run);
  assert.deepEqual([counters.objects_failed, result.state], [30, "partial"]);
});

Deno.test("no request is sent before the server's Retry-After time, and the run reports it", async () => {
  await using project = await createProject();
  const run = await startInOutage(project, { status: 503, retryAfterSeconds: 120 });
  await assertWaits(project, run, "at first");
  await project.client.call("resetStorageRequests", {});
  for (let passed = 0; passed < 3; passed++) await minute(project);
  assert.deepEqual((await project.client.storageRequests()).counts, {});
  const key = await project.key("operate");
  const { body } = await project.call("GET", `holdfast-backup/runs/${run}`, { key });
  assert.deepEqual([body.state, body.paused.code], ["running", "storage_unreachable"]);
  const left = Date.parse(body.paused.until) - Date.now();
  assert.ok(left > 30_000 && left <= 121_000, body.paused.until);

  await project.client.call("clearStorageFaults", {});
  await project.sql`update holdfast_private.runs set paused_until = now() where id = ${run}`;
  await minute(project);
  await project.succeeded(run);
});

Deno.test("a part of a large object is retried after an outage", async () => {
  await using project = await TestProject.create();
  await schedule(project);
  await createBucket(project, "files");
  await uploadMany(project, "files", 1, 20 * 1024 * 1024);
  await project.addStorageFault({ route: READ, skip: 1, count: ALL, fault: { status: 502 } });
  const run = await project.start("backup/runs");
  await project.client.functionsIdle();
  await assertWaits(project, run, "during the upload");
  await project.client.call("clearStorageFaults", {});
  await minute(project);
  const { counters } = await project.succeeded(run);
  assert.equal(counters.storage_requests, 3, "the uploaded part was uploaded again");
  await assertHolds(project, await project.reader.snapshot());
});
