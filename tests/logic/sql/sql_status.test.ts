import assert from "node:assert/strict";
import { continueBackup, runBackup } from "./support/backup.ts";
import { copied, failed, SqlWorker } from "./support/worker.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

const URL = "https://project.example.com";

sqlTest("without a backup, the status is one row that reports this", async (project) => {
  const { verdict, ...rest } = await status(project);
  assert.equal(verdict, "no backup yet");
  assert.deepEqual(new Set(Object.values(rest)), new Set([null]));
});

sqlTest("the status of a first backup has its progress", async (project) => {
  await filled(project);
  const [{ run }] = await project.worker`select holdfast_private.start_backup('test') as run`;
  assert.equal((await status(project)).verdict, "running the first backup");
  const sqlWorker = new SqlWorker(project.worker);
  const prepare = await sqlWorker.lease();
  assert.ok(prepare);
  await sqlWorker.prepared(prepare, new Repository().facts());
  const lease = await sqlWorker.lease();
  assert.ok(lease);
  const page = await sqlWorker.page(lease);
  const done = { objects_copied: 2, objects_failed: 1, bytes_copied: 20, s3_requests: 9 };
  await sqlWorker.commit(lease, page.items.map(copied), page.to ?? "", done);
  const now = await status(project);
  assert.equal(now.verdict, "running the first backup");
  assert.deepEqual([now.running, now.running_id, now.running_stage], ["backup", run, "objects"]);
  assert.deepEqual([now.objects_done, now.bytes_done], ["3", "20"]);
  assert.ok(now.running_since instanceof Date);
});

sqlTest(
  "the status of a protected project has the totals of its last snapshot",
  async (project) => {
    await filled(project);
    await schedule(project);
    const { snapshot } = await runBackup(project, new Repository(), {
      act: (item) => item.name === "a" ? failed(item, "unavailable") : copied(item),
    });
    const now = await status(project);
    assert.equal(now.verdict, "protected");
    assert.deepEqual(
      [now.last_snapshot, now.last_snapshot_state, now.objects, now.bytes, now.unavailable],
      [snapshot?.id, "complete", "3", "2", "1"],
    );
    assert.deepEqual([now.failed, now.stale, now.assumed], ["0", "0", "0"]);
    assert.deepEqual([now.running, now.error], [null, null]);
    assert.match(now.last_snapshot_age, /^00:00:/);
    assert.equal(now.schedule, "0 2 * * *");
    assert.equal(now.next_backup_at.getUTCHours(), 2);
    assert.ok(now.next_backup_at > new Date());
  },
);

sqlTest("the status describes each problem in words", async (project) => {
  await filled(project);
  const repository = new Repository();
  const verdict = async () => (await status(project)).verdict;
  await runBackup(project, repository);
  assert.equal(await verdict(), "protected, but no backup is scheduled");
  await schedule(project);
  await new Objects(project.owner).upload("files", "a", { text: "other" });
  await runBackup(project, repository, { act: (item) => failed(item, "failed") });
  assert.equal(await verdict(), "protected, but not all could be copied: see holdfast.failures");
  const { run } = await runBackup(project, repository, { stopBefore: () => true });
  assert.match(await verdict(), /^protected/);
  await project.owner`
    update holdfast_private.runs set started_at = started_at - interval '4 minutes' where id = ${run}`;
  assert.equal(
    await verdict(),
    "the backup waits for its function: is holdfast-backup deployed, and the project URL right?",
  );
  await continueBackup(project, repository, run);
  assert.equal(await verdict(), "protected");
});

sqlTest("an error is shown until a backup succeeds", async (project) => {
  await filled(project);
  await schedule(project);
  const repository = new Repository();
  const fail = async () => {
    await project.worker`select holdfast_private.start_backup('test')`;
    const sqlWorker = new SqlWorker(project.worker);
    const lease = await sqlWorker.lease();
    assert.ok(lease);
    await sqlWorker.fail(lease, "repository_key_refused");
  };
  await fail();
  const first = await status(project);
  assert.deepEqual([first.verdict, first.error_code, first.error, first.remedy], [
    "last backup failed: It went wrong.",
    "repository_key_refused",
    "It went wrong.",
    "Do it right.",
  ]);
  await runBackup(project, repository);
  assert.deepEqual(
    (({ verdict, error_code, error, remedy }) => [verdict, error_code, error, remedy])(
      await status(project),
    ),
    ["protected", null, null, null],
  );
  await fail();
  const last = await status(project);
  assert.equal(last.verdict, "last backup failed: It went wrong.");
  assert.equal(last.objects, "3", "the last snapshot is still shown");

  // Cancelling is not a failure.
  await runBackup(project, repository);
  await project.worker`select holdfast_private.start_backup('test')`;
  await project
    .owner`select holdfast_private.cancel_run(id) from holdfast_private.runs where state = 'running'`;
  assert.equal((await status(project)).verdict, "protected");
});

sqlTest("a missing backup is overdue by the schedule or by the age", async (project) => {
  await filled(project);
  await schedule(project, "0 2 * * *");
  await runBackup(project, new Repository());
  const age = (hours: number) =>
    project.owner`
      update holdfast_private.snapshots set started_at = now() - ${hours} * interval '1 hour',
        sealed_at = now() - ${hours} * interval '1 hour'`;
  await age(50);
  assert.equal((await status(project)).verdict, "overdue");
  await schedule(project, "0 2 1 1 *");
  await age(20);
  const comesSoon = new Date().getUTCMonth() === 0 && new Date().getUTCDate() < 3;
  if (!comesSoon) assert.equal((await status(project)).verdict, "protected");
  await project.owner`select holdfast.set('maximum_age_hours', '18')`;
  assert.equal((await status(project)).verdict, "overdue");
  await project.worker`select holdfast_private.start_backup('test')`;
  assert.notEqual((await status(project)).verdict, "overdue", "the backup is running");
});

sqlTest(
  "a backup that is paused or makes no progress is overdue; one that commits is not",
  async (project) => {
    await filled(project);
    await schedule(project, "0 2 * * *");
    const repository = new Repository();
    const { run } = await overdueBackup(project, repository);
    const verdict = async () => (await status(project)).verdict;
    const message = "max_egress_bytes_per_month is reached: 9 of 8 bytes were read from Storage.";
    const pause = (time: string) =>
      project.owner`
      select holdfast_private.pause_run(${run}, (date_trunc('second', now()) + ${time}::interval)::timestamptz, 'paused_by_limit', ${message})`;
    assert.equal(await verdict(), "protected", "the backup is running");
    await pause("20 days");
    const { paused_until } = await status(project);
    assert.equal(
      await verdict(),
      `overdue: the backup is paused until ${utc(paused_until)}: ${message}`,
    );

    await project.owner`select holdfast_private.resume_run(${run})`;
    assert.equal(await verdict(), "protected", "the backup continues");
    await project.owner`
    update holdfast_private.runs set started_at = now() - interval '2 hours', resumed_at = date_trunc('second', now()) - interval '61 minutes'`;
    await project.owner`
    update holdfast_private.cursors set attempts = 1, committed_at = now() - interval '59 minutes' where run = ${run}`;
    assert.equal(await verdict(), "protected", "it commits");
    await project.owner`
    update holdfast_private.cursors set committed_at = now() - interval '62 minutes' where run = ${run}`;
    const [{ resumed_at }] = await project
      .owner`select resumed_at from holdfast_private.runs where id = ${run}`;
    assert.equal(
      await verdict(),
      `overdue: the backup has got no further since ${utc(resumed_at)}`,
    );
  },
);

sqlTest(
  "a backup is overdue while it waits for a restore, and not before it is due",
  async (project) => {
    await filled(project);
    await schedule(project, "0 2 * * *");
    const { run } = await overdueBackup(project, new Repository());
    await project.owner`select holdfast_private.cancel_run(${run})`;
    await project.owner`select holdfast_private.start_restore('{}', 'test')`;
    const verdict = async () => (await status(project)).verdict;
    assert.equal(await verdict(), "overdue: the backup waits for the restore that is running");
    await project
      .owner`update holdfast_private.snapshots set started_at = now(), sealed_at = now()`;
    assert.equal(await verdict(), "protected");
  },
);

/** A running backup. The last snapshot is two days old. */
async function overdueBackup(project: SqlProject, repository: Repository) {
  await runBackup(project, repository);
  await project.owner`
    update holdfast_private.snapshots set started_at = now() - interval '50 hours', sealed_at = now() - interval '50 hours'`;
  return await runBackup(project, repository, { stopBefore: () => true });
}

/** A time with milliseconds in Holdfast's format. */
function utc(at: Date): string {
  return at.toISOString().replace("Z", "000Z");
}

sqlTest(
  "backup_history has a row for each backup, newest first, ready for a chart",
  async (project) => {
    const objects = await filled(project);
    const repository = new Repository();
    const first = await runBackup(project, repository);
    await objects.move("files", "b", "files", "moved");
    await objects.remove("files", "c");
    const second = await runBackup(project, repository);
    await project.owner`
    update holdfast_private.cursors set counters = '{"objects_copied": 2, "bytes_copied": 7, "s3_requests": 3,
      "objects_metadata": 1, "objects_held": 1, "storage_requests": 4}'
    where run = ${first.run} and stage = 'objects'`;
    await project.owner`
    update holdfast_private.runs set started_at = '2026-11-20T23:59:59Z', ended_at = '2026-11-21T00:01:01.25Z'
    where id = ${first.run}`;
    const [newer, older, ...more] = await project
      .owner`select *, day::text from holdfast.backup_history`;
    assert.deepEqual(more, []);
    assert.deepEqual([newer.snapshot, newer.moved, newer.removed, newer.objects], [
      second.snapshot?.id,
      "1",
      "1",
      "2",
    ]);
    assert.deepEqual([older.day, older.state, older.snapshot, older.snapshot_state], [
      "2026-11-20",
      "succeeded",
      first.snapshot?.id,
      "complete",
    ]);
    assert.deepEqual(
      [older.seconds, older.copied, older.bytes_copied, older.metadata, older.moved, older.failed],
      ["62.3", "2", "7", "2", "0", "0"],
    );
    assert.deepEqual([older.storage_requests, older.s3_requests, older.bytes], ["4", "3", "3"]);
  },
);

async function filled({ owner }: SqlProject) {
  const objects = new Objects(owner);
  await objects.createBucket("files");
  for (const name of ["a", "b", "c"]) await objects.upload("files", name, { text: name });
  return objects;
}

async function schedule({ owner }: SqlProject, time = "0 2 * * *") {
  await owner`select holdfast.schedule(${time}, ${URL})`;
}

async function status({ owner }: SqlProject) {
  const [row, ...more] = await owner`select * from holdfast.status`;
  assert.deepEqual(more, []);
  return row;
}
