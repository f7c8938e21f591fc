import assert from "node:assert/strict";
import { runBackup } from "./support/backup.ts";
import { copied, failed, SqlWorker } from "./support/worker.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

const WINDOW_ROWS = 3;

sqlTest("a restore plan has the same counts in one step and in many", async (project) => {
  const snapshot = await changedSince(project);
  const whole = await plan(project, snapshot);
  const { missing_policies: _, ...report } = whole.report;
  assert.deepEqual(report, {
    snapshot,
    snapshot_state: "complete",
    newer_partial: null,
    dry_run: true,
    overwrite: "never",
    sequence: 1,
    objects: 35,
    bytes: 35 * 4,
    unavailable: 1,
    to_restore: 7,
    bytes_to_restore: 7 * 4,
    already_right: 23,
    to_compare: 5,
    would_overwrite: ["00", "04", "08", "12", "16"].map((name) => `a/${name}`),
    buckets_to_create: ["missing"],
  });
  assert.equal(whole.steps, 1);
  const many = await plan(project, snapshot, WINDOW_ROWS);
  assert.deepEqual(many.report, whole.report);
  assert.ok(many.steps > 20, `${many.steps} steps`);
});

sqlTest(
  "the first hundred names that a restore would overwrite are listed in order",
  async (project) => {
    const objects = new Objects(project.owner);
    await objects.createBucket("files");
    const names = Array.from({ length: 120 }, (_, each) => `${1000 + each}`);
    for (const name of names) await objects.upload("files", name);
    await runBackup(project, new Repository());
    for (const name of names) await objects.upload("files", name, { text: "other" });
    for (const { report } of [await plan(project), await plan(project, "latest", 7)]) {
      assert.equal(report.to_compare, 120);
      assert.deepEqual(report.would_overwrite, names.slice(0, 100).map((name) => `files/${name}`));
    }
  },
);

sqlTest("a restore plan of an empty repository counts nothing", async (project) => {
  await runBackup(project, new Repository());
  const { report } = await plan(project);
  assert.deepEqual([report.objects, report.bytes, report.to_restore], [0, 0, 0]);
  assert.deepEqual(report.would_overwrite, []);
});

/**
 * Backs up 35 objects and one unavailable object, then changes the project. Returns the snapshot's
 * id.
 */
async function changedSince(project: SqlProject): Promise<string> {
  const objects = new Objects(project.owner);
  const repository = new Repository();
  const upload = async (bucket: string, count: number, text = "text") => {
    for (const name of numbers(count)) await objects.upload(bucket, name, { text });
  };
  for (const bucket of ["a", "b", "empty", "missing"]) await objects.createBucket(bucket);
  await upload("a", 20);
  await upload("b", 10);
  await upload("missing", 5);
  await objects.upload("b", "lost", { text: "text" });
  const { snapshot } = await runBackup(project, repository, {
    act: (item) => item.name === "lost" ? failed(item, "unavailable") : copied(item),
  });
  for (const name of ["00", "04", "08", "12", "16"]) {
    await objects.upload("a", name, { text: "more" });
  }
  await runBackup(project, repository);
  await objects.remove("a", "01");
  await objects.remove("a", "19");
  await objects.removeBucket("missing");
  for (const name of numbers(30)) await objects.upload("b", `unknown ${name}`);
  assert.ok(snapshot);
  const [{ id }] = await project.owner<{ id: string }[]>`
    update holdfast_private.snapshots set id = '20261120T000000Z-1' where id = ${snapshot.id} returning id`;
  return id;
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, each) => String(each).padStart(2, "0"));
}

/** The report of a dry run and its number of steps. Each step reads one window if a size is set. */
async function plan({ owner, worker }: SqlProject, snapshot = "latest", windowRows?: number) {
  const [{ run }] = await worker`
    select holdfast_private.start_restore(${
    worker.json({ snapshot, dry_run: true, overwrite: "never" })
  }, 'test') as run`;
  await owner`
    update holdfast_private.runs set repository = (select max(id) from holdfast_private.repositories) where id = ${run}`;
  const sqlWorker = new SqlWorker(worker);
  const lease = async () => {
    const [row] = await worker<{ cursor: string }[]>`
      select holdfast_private.lease_cursor(${sqlWorker.owner}, 'holdfast-restore', ${run}) ->> 'cursor' as cursor`;
    return row.cursor;
  };
  await worker`select holdfast_private.finish_cursor(${await lease()}, ${sqlWorker.owner})`;
  const cursor = await lease();
  let steps = 0;
  for (let counted = false; !counted; steps++) {
    const [row] = windowRows === undefined
      ? await worker`select holdfast_private.restore_count(${cursor}, ${sqlWorker.owner}) as counted`
      : await worker`
          select holdfast_private.restore_count(${cursor}, ${sqlWorker.owner}, ${windowRows}, 0) as counted`;
    counted = row.counted;
  }
  const [{ report }] = await worker`
    select holdfast_private.restore_planned(${cursor}, ${sqlWorker.owner}) as report`;
  return { report, steps };
}
