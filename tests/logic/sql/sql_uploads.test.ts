import assert from "node:assert/strict";
import { continueBackup } from "./support/backup.ts";
import { copied, failed, type Item, type Lease, type Result, SqlWorker } from "./support/worker.ts";
import { Objects } from "./support/objects.ts";
import { raised, type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

const SHA256 = "ab".repeat(32);

sqlTest(
  "the scan skips a large object, and each of its parts is recorded once",
  async (project) => {
    const { sqlWorker, repository, lease } = await atUpload(project);
    await begin(sqlWorker, lease, "first");
    await part(sqlWorker, lease, 1);
    await part(sqlWorker, lease, 2);
    // The response to a commit was lost. The same part is recorded again.
    await part(sqlWorker, lease, 2);
    await sqlWorker.release(lease);

    const other = new SqlWorker(project.worker);
    const again = await leased(other);
    assert.deepEqual([again.stage, again.cursor], ["upload", lease.cursor]);
    const state = await uploadState(other, again);
    assert.equal(state.upload_id, "first");
    assert.deepEqual(state.parts.map((each) => each.number), [1, 2]);
    const item = state.object;
    await done(other, again, {
      ...item,
      stored: { key: state.key, size: 20, sha256: SHA256, part_size: 8 },
    });
    const { snapshot } = await continueBackup(project, repository, again.run);
    assert.ok(snapshot);
    const line = repository.read(snapshot).get("files/large");
    assert.deepEqual([line?.key, line?.version], ["data/large", item.version]);
    const [{ left }] = await project
      .owner`select count(*)::int as left from holdfast_private.uploads`;
    assert.equal(left, 0);
  },
);

sqlTest("an upload that restarts discards the parts of the previous one", async (project) => {
  const { sqlWorker, lease } = await atUpload(project);
  await begin(sqlWorker, lease, "first");
  await part(sqlWorker, lease, 1);
  await begin(sqlWorker, lease, "second");
  assert.deepEqual((await uploadState(sqlWorker, lease)).parts, []);
  await part(sqlWorker, lease, 1);
  const { object } = await uploadState(sqlWorker, lease);
  await sqlWorker.sql`select holdfast_private.upload_restart(${lease.cursor}, ${sqlWorker.owner},
    ${sqlWorker.json({ ...object, version: "v2" })}, 'data/large~2', 9)`;
  const state = await uploadState(sqlWorker, lease);
  assert.deepEqual(
    [state.object.version, state.key, state.part_size, state.upload_id, state.parts],
    ["v2", "data/large~2", 9, null, []],
  );
});

sqlTest("a worker that lost its upload cannot record a part of it", async (project) => {
  const { sqlWorker, lease } = await atUpload(project);
  await begin(sqlWorker, lease, "first");
  await project.owner`update holdfast_private.cursors set lease_expires_at = now()
    where id = ${lease.cursor}`;
  await leased(new SqlWorker(project.worker));
  const { object } = { object: {} as Item };
  for (
    const write of [
      () => begin(sqlWorker, lease, "after_lease_lost"),
      () => part(sqlWorker, lease, 1),
      () => done(sqlWorker, lease, failed(object, "failed")),
    ]
  ) {
    assert.equal((await raised(write())).message, "lease_lost");
  }
});

sqlTest("an upload whose object was deleted ends without a result", async (project) => {
  const { sqlWorker, repository, lease } = await atUpload(project);
  await new Objects(project.owner).remove("files", "large");
  await done(sqlWorker, lease, null);
  const { snapshot } = await continueBackup(project, repository, lease.run);
  assert.equal(snapshot?.totals.objects, 1);
});

sqlTest("a failed upload counts the runs that tried it", async (project) => {
  const first = await atUpload(project);
  for (let attempt = 1; attempt <= 3; attempt++) {
    const { sqlWorker, lease, repository } = attempt === 1
      ? first
      : await toUpload(project, first.repository);
    const { object } = await uploadState(sqlWorker, lease);
    await done(sqlWorker, lease, failed(object, "unavailable"));
    await continueBackup(project, repository, lease.run);
    const [failure] = await project.owner`
      update holdfast_private.failures set next_at = now() - interval '1 s' returning name, attempts`;
    assert.deepEqual({ ...failure }, { name: "large", attempts: attempt });
  }
});

sqlTest("the stage after the scan waits for the scan's uploads", async (project) => {
  const { sqlWorker, lease } = await atUpload(project);
  await done(sqlWorker, lease, failed((await uploadState(sqlWorker, lease)).object, "failed"));
  const stages = await project.owner`
    select stage, finished_at is null as open from holdfast_private.cursors order by id`;
  assert.deepEqual(stages.map((row) => `${row.stage} ${row.open ? "open" : "finished"}`), [
    "prepare finished",
    "objects finished",
    "upload finished",
    "missing open",
  ]);
});

/** A run whose only remaining work is the upload of one large object. */
async function atUpload(project: SqlProject) {
  const objects = new Objects(project.owner);
  await objects.createBucket("files");
  await objects.upload("files", "large", { text: "x".repeat(20) });
  await objects.upload("files", "small", { text: "x" });
  return await toUpload(project, new Repository());
}

async function toUpload(project: SqlProject, repository: Repository) {
  const [{ run }] = await project.worker<{ run: string }[]>`
    select holdfast_private.start_backup('test') as run`;
  const act = (item: Item): Result =>
    item.name === "large" ? { ...item, upload: { key: "data/large", part_size: 8 } } : copied(item);
  await continueBackup(project, repository, run, {
    act,
    stopBefore: (lease) => lease.stage === "upload",
  });
  const sqlWorker = new SqlWorker(project.worker);
  return { sqlWorker, repository, lease: await leased(sqlWorker) };
}

async function leased(sqlWorker: SqlWorker): Promise<Lease> {
  const lease = await sqlWorker.lease();
  assert.ok(lease);
  return lease;
}

interface UploadState {
  object: Item;
  key: string;
  part_size: number;
  upload_id: string | null;
  parts: { number: number; size: number; etag: string; sha256: string }[];
}

async function uploadState(sqlWorker: SqlWorker, lease: Lease): Promise<UploadState> {
  const [{ state }] = await sqlWorker.sql<{ state: UploadState }[]>`
    select holdfast_private.upload_state(${lease.cursor}, ${sqlWorker.owner}) as state`;
  return state;
}

async function begin(sqlWorker: SqlWorker, lease: Lease, id: string) {
  await sqlWorker
    .sql`select holdfast_private.upload_begun(${lease.cursor}, ${sqlWorker.owner}, ${id})`;
}

async function part(sqlWorker: SqlWorker, lease: Lease, number: number) {
  const facts = { number, size: 8, etag: `"${number}"`, sha256: SHA256 };
  await sqlWorker.sql`select holdfast_private.upload_part_done(${lease.cursor}, ${sqlWorker.owner},
    ${sqlWorker.json(facts)})`;
}

async function done(sqlWorker: SqlWorker, lease: Lease, result: Result | null) {
  await sqlWorker.sql`select holdfast_private.upload_done(${lease.cursor}, ${sqlWorker.owner},
    ${result && sqlWorker.json(result)}, '{}')`;
}
