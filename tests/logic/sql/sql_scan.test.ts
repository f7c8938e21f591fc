import assert from "node:assert/strict";
import { continueBackup, runBackup } from "./support/backup.ts";
import { copied, type Lease, SqlWorker } from "./support/worker.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

/** Names whose order in the database differs from their byte order. */
const NAMES = [
  "!",
  "-",
  "1",
  "10",
  "2",
  "A",
  "B",
  "_",
  "a",
  "a/",
  "a/b",
  "aa",
  "b",
  "É",
  "é",
  "日",
];

for (const windowRows of [1, 2, 3, 7, 50_000]) {
  sqlTest(`windows of ${windowRows} rows scan every name once`, async (project) => {
    const { objects, repository } = await filled(project);
    const options = { windowRows, maxItems: 2 };
    const first = await runBackup(project, repository, options);
    assert.deepEqual(first.scanned, NAMES.map((name) => `photos/${name}`));

    // Half of the objects are deleted and some are new: both sides have ranges that the other
    // lacks.
    for (const name of NAMES.slice(3, 11)) await objects.remove("photos", name);
    const added = ["10a", "10b", "10c", "zz", "日日"];
    for (const name of added) await objects.upload("photos", name);
    await objects.upload("photos", "é", { text: "other" });
    const second = await runBackup(project, repository, options);
    assert.deepEqual(second.scanned, ["10a", "10b", "10c", "zz", "é", "日日"].map(inPhotos));
    assert.ok(second.snapshot);
    assert.deepEqual(
      new Set(repository.read(second.snapshot).keys()),
      new Set([...NAMES.slice(0, 3), ...NAMES.slice(11), ...added].map(inPhotos)),
    );
  });
}

sqlTest("a window's commit covers only names that were compared", async (project) => {
  const { objects, repository } = await filled(project);
  await runBackup(project, repository);
  await objects.upload("photos", "2", { text: "other" });
  await objects.upload("photos", "b", { text: "other" });
  const { sqlWorker, lease } = await atScan(project, repository);
  const page = await sqlWorker.page(lease, 1);
  assert.equal(page.to, "2");
  // It is deleted after the page was read and sorts past its end. The next page finds it.
  await objects.remove("photos", "A");
  await sqlWorker.commit(lease, page.items.map(copied), "2");
  assert.deepEqual(await missing(project), []);
  const rest = await sqlWorker.page(lease, 1);
  assert.equal(rest.to, "b");
  await sqlWorker.commit(lease, rest.items.map(copied), "b");
  assert.deepEqual(await missing(project), ["photos/A"]);
});

sqlTest("a window without a difference is committed by the page itself", async (project) => {
  const { repository } = await filled(project);
  await runBackup(project, repository);
  const { sqlWorker, lease } = await atScan(project, repository);
  assert.deepEqual(await sqlWorker.page(lease, 500, 4), { items: [], to: "10" });
  const [{ position }] = await project.owner`
    select position from holdfast_private.cursors where id = ${lease.cursor}`;
  assert.deepEqual(position, { from: "10\u0001" });
});

sqlTest("a page that was not committed is assigned again", async (project) => {
  const { objects, repository } = await filled(project);
  const { sqlWorker, lease } = await atScan(project, repository);
  const page = await sqlWorker.page(lease, 3);
  assert.deepEqual(page.items.map((item) => item.name), ["!", "-", "1"]);
  await objects.upload("photos", "!", { text: "other" });
  const again = await sqlWorker.page(lease, 3);
  assert.notEqual(again.items[0].version, page.items[0].version);
  assert.deepEqual(again.items.slice(1), page.items.slice(1));
});

sqlTest("a project without a bucket gets an empty snapshot", async (project) => {
  const { snapshot } = await runBackup(project, new Repository());
  assert.deepEqual(snapshot?.parts, []);
  assert.equal(snapshot?.totals.objects, 0);
});

sqlTest("a page reads its window, not the whole bucket", async (project) => {
  const { objects, repository } = await filled(project, 3000);
  await runBackup(project, repository);
  await project.admin`analyze storage.objects, holdfast_private.entries`;
  await objects.remove("photos", "many/2");
  await objects.upload("photos", "many/3", { text: "other" });
  const { sqlWorker, lease } = await atScan(project, repository);
  const startAt = (name: string) =>
    project.owner`
      update holdfast_private.cursors set position = ${project.owner.json({ from: name })}
      where id = ${lease.cursor}`;

  await startAt("many/1000");
  const before = await rowsRead(project);
  const page = await sqlWorker.page(lease, 500, 20);
  assert.equal(page.items.length, 0);
  const unchanged = await rowsRead(project) - before;
  assert.ok(unchanged < 300, `an unchanged window of 20 rows reads ${unchanged}`);

  for (const name of ["many/2", "many/3"]) {
    await startAt(name);
    const before = await rowsRead(project);
    const { items, to } = await sqlWorker.page(lease, 500, 20);
    if (items.length > 0) await sqlWorker.commit(lease, items.map(copied), to ?? "");
    const changed = await rowsRead(project) - before;
    assert.ok(changed < 300, `a changed window of 20 rows reads ${changed}`);
  }
});

sqlTest("a run continues from its last commit", async (project) => {
  const { repository } = await filled(project);
  let pages = 0;
  const left = await runBackup(project, repository, { maxItems: 2, stopBefore: () => pages++ > 0 });
  assert.equal(left.snapshot, undefined);
  const { snapshot } = await continueBackup(project, repository, left.run, { maxItems: 2 });
  assert.equal(snapshot?.totals.objects, NAMES.length);
});

async function filled(project: SqlProject, more = 0) {
  const objects = new Objects(project.owner);
  await objects.createBucket("photos");
  for (const name of NAMES) await objects.upload("photos", name, { text: name });
  await project.owner`
    insert into storage.objects (bucket_id, name, version, metadata)
    select 'photos', 'many/' || number, gen_random_uuid(), '{"size": 1, "eTag": "x"}'
    from generate_series(1, ${more}::int) as number`;
  return { objects, repository: new Repository() };
}

async function atScan(project: SqlProject, repository: Repository) {
  await project.worker`select holdfast_private.start_backup('test')`;
  const sqlWorker = new SqlWorker(project.worker);
  const prepare = await sqlWorker.lease();
  assert.ok(prepare);
  await sqlWorker.prepared(prepare, repository.facts());
  const lease: Lease | null = await sqlWorker.lease();
  assert.ok(lease);
  return { sqlWorker, lease };
}

/** Number of rows of storage.objects read so far, with an index or without. */
async function rowsRead(project: SqlProject): Promise<number> {
  await project.worker`select pg_stat_force_next_flush()`;
  const [row] = await project.admin<{ read: number }[]>`
    select (seq_tup_read + idx_tup_fetch)::int as read from pg_stat_user_tables
    where relid = 'storage.objects'::regclass`;
  return row.read;
}

async function missing(project: SqlProject): Promise<string[]> {
  const rows = await project.owner`
    select bucket_id || '/' || name as path from holdfast_private.entries
    where missing_in is not null order by 1`;
  return rows.map((row) => row.path);
}

function inPhotos(name: string): string {
  return `photos/${name}`;
}
