import assert from "node:assert/strict";
import { assertHolds } from "../support/assert_snapshot.ts";
import { uploadMany } from "../support/many.ts";
import { createBucket, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";
import { schedule, tick } from "../support/tick.ts";

const MIB = 1024 * 1024;
const READ = "GET object/authenticated";

async function createProject(count: number, size: number): Promise<TestProject> {
  const project = await TestProject.create();
  await schedule(project);
  await createBucket(project, "files");
  await uploadMany(project, "files", count, size);
  return project;
}

async function set(project: TestProject, name: string, value: number | null): Promise<void> {
  await project.sql`select holdfast.set(${name}, ${JSON.stringify(value)}::text::jsonb)`;
}

/** Bytes that the database counted, by kind of run. */
async function egress(project: TestProject): Promise<Record<string, number>> {
  const rows = await project.sql<{ kind: string; bytes: string }[]>`
    select kind, sum(bytes) as bytes from holdfast_private.egress group by kind`;
  return Object.fromEntries(rows.map(({ kind, bytes }) => [kind, Number(bytes)]));
}

/** Bytes of objects that Storage sent, according to its own log. */
async function sent(project: TestProject): Promise<number> {
  const { records } = await project.client.storageRequests();
  return records.filter(({ route }) => route === READ)
    .reduce((sum, { responseBytes }) => sum + responseBytes, 0);
}

Deno.test("a backup pauses at the daily limit, reports it once, and resumes when it is raised", async () => {
  // Slightly more than two pages of 64 MiB.
  await using project = await createProject(40, 4 * MIB);
  await set(project, "max_egress_bytes_per_day", 10 * MIB);
  const run = await project.start("backup/runs");
  await project.client.functionsIdle();
  const { state } = await project.run(run);
  assert.equal(state, "running");
  const read = await sent(project);
  assert.ok(read >= 10 * MIB && read <= 2 * 64 * MIB, `${read} bytes: a page a worker, at most`);
  assert.deepEqual(await egress(project), { backup: read });

  await project.client.call("resetStorageRequests", {});
  for (let minutes = 0; minutes < 3; minutes++) {
    await tick(project);
    await project.client.functionsIdle();
  }
  assert.equal(await sent(project), 0);
  const key = await project.key("operate");
  const { body } = await project.call("GET", `holdfast-backup/runs/${run}`, { key });
  assert.deepEqual([body.state, body.paused.code], ["running", "paused_by_limit"]);
  assert.match(body.paused.message, /^max_egress_bytes_per_day is reached: \d+ of 10485760 bytes/);
  const second = await project.call("POST", "holdfast-backup/runs", { key });
  assert.equal(second.status, 409);
  assert.match(second.body.detail, /It is paused until .*: max_egress_bytes_per_day is reached/);
  const audit = await project
    .sql`select detail from holdfast_private.audit where action = 'backup.pause'`;
  assert.equal(audit.length, 1);
  const lines = (await project.client.functionLogs()).map(({ text }) => text);
  assert.equal(lines.filter((line) => line.includes('"level":"notice"')).length, 1);

  await set(project, "max_egress_bytes_per_day", null);
  await tick(project);
  const { counters } = await project.succeeded(run);
  assert.deepEqual([counters.objects_copied, counters.bytes_read], [40, 160 * MIB]);
  assert.deepEqual(await egress(project), { backup: 160 * MIB });
  await assertHolds(project, await project.reader.snapshot());
});

Deno.test("a backup without reads runs although the daily limit is used up", async () => {
  await using project = await createProject(3, 1_000);
  await project.backup();
  await set(project, "max_egress_bytes_per_month", 1);
  assert.equal((await project.backup()).counters.bytes_read ?? 0, 0);
  await upload(project, "files", "new", "bytes");
  const run = await project.start("backup/runs");
  await project.client.functionsIdle();
  assert.equal((await project.run(run)).state, "running");
  await project.sql`select holdfast_private.cancel_run(${run})`;
});

Deno.test("a restore's verification reads count toward the same daily limit", async () => {
  await using source = await createProject(10, 1_000);
  await source.backup();
  await using target = await TestProject.create({ repository: source.repository });
  await target.restore();
  const read = await sent(target);
  assert.equal(read, 10_000);
  assert.deepEqual(await egress(target), { restore: read });

  await using other = await TestProject.create({ repository: source.repository });
  await schedule(other);
  await other
    .sql`insert into holdfast_private.egress values (holdfast_private.utc_now()::date, 'backup', 5)`;
  await set(other, "max_egress_bytes_per_day", 5);
  const run = await other.start("restore/runs", { dry_run: false });
  await other.client.functionsIdle();
  assert.equal((await other.run(run)).state, "running");
  assert.equal(await sent(other), 0);
  await set(other, "max_egress_bytes_per_day", 1_000_000);
  await tick(other);
  await other.succeeded(run);
});

Deno.test("repeated reads are counted each time", async () => {
  await using project = await createProject(1, 1_000);
  await project.addStorageFault({ route: READ, fault: { etag: '"stale"' } });
  await project.addStorageFault({ route: READ, fault: { truncateAfterBytes: 300 } });
  await project.backup();
  const { backup } = await egress(project);
  // The first read is cancelled before its body. The second read is known to have started.
  assert.equal(backup, 2_000);
});

Deno.test("the request rate limit applies to all workers together", async () => {
  await using project = await createProject(40, 100);
  await set(project, "workers", 2);
  await set(project, "max_requests_per_second", 20);
  await project.backup();
  const { records } = await project.client.storageRequests();
  const times = records.filter(({ route }) => route === READ).map(({ at }) => at);
  assert.equal(times.length, 40);
  const seconds = (times.at(-1)! - times[0]!) / 1000;
  // One worker copies one bucket with half of the rate: a burst of ten, then 10 requests a second.
  assert.ok(seconds >= 2.7, `${seconds} s`);
});

Deno.test("the byte rate limit also applies if one slice is too short for it", async () => {
  await using project = await createProject(8, MIB);
  await set(project, "workers", 1);
  await set(project, "max_bytes_per_second", 100_000);
  const run = await project.start("backup/runs");
  await project.client.functionsIdle();
  const [cursor] = await project.sql`
    select extract(epoch from lease_expires_at - clock_timestamp())::float as rest, lease_owner
    from holdfast_private.cursors where run = ${run} and finished_at is null`;
  assert.equal((await project.run(run)).state, "running");
  assert.equal(cursor!.lease_owner, null);
  assert.ok(cursor!.rest > 5, `it rests for ${cursor!.rest} s`);
  const read = await sent(project);
  await tick(project);
  await project.client.functionsIdle();
  assert.equal(await sent(project), read, "the run is not resumed earlier");
  await project.sql`select holdfast_private.cancel_run(${run})`;
});
