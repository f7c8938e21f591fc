import assert from "node:assert/strict";
import { bytesOf, createBucket, upload } from "../support/objects.ts";
import { readObjects, readRows, restorable } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";
import { countRequests } from "../support/requests.ts";

const MEBIBYTE = 1024 * 1024;

/** A project with a backup of objects of every size. */
async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files", { public: true });
  await upload(project, "files", "small", "bytes", {
    type: "text/css",
    cacheControl: "max-age=60",
    userMetadata: { edition: 1 },
  });
  await upload(project, "files", "empty", new Uint8Array(0));
  await upload(project, "files", "of several parts", bytesOf(9 * MEBIBYTE));
  await project.sql`update storage.objects set owner_id = 'somebody' where name = 'small'`;
  await project.backup();
  return project;
}

async function loseAll(project: TestProject): Promise<void> {
  for (const { bucket_id, name } of (await readRows(project.sql)).values()) {
    await project.client.loseBytes(bucket_id, name);
  }
}

async function failuresOf(project: TestProject, run: string): Promise<string[][]> {
  const rows = await project.sql<{ name: string; code: string }[]>`
    select name, code from holdfast_private.failures where run = ${run} order by name`;
  return rows.map(({ name, code }) => [name, code]);
}

Deno.test("a restore puts back bytes that Storage lost although their rows exist", async () => {
  await using project = await createProject();
  const before = await readObjects(project);
  await loseAll(project);
  assert.ok([...(await readObjects(project)).values()].every(({ sha256 }) => sha256 === undefined));

  const { id, result } = await project.restore();
  assert.deepEqual(await failuresOf(project, id), []);
  assert.equal(result.did.objects_verified, before.size);
  const after = await readObjects(project);
  assert.deepEqual([...after.values()].map(restorable), [...before.values()].map(restorable));
  for (const [location, { id }] of before) {
    assert.equal(after.get(location)!.id, id, "the same row");
  }

  const { result: next, storage } = await countRequests(project, () => project.backup());
  assert.equal(next.counters.objects_copied ?? 0, 0);
  assert.deepEqual(storage, {});
});

Deno.test("a restore supplies the files after a database backup restored the rows only", async () => {
  await using project = await createProject();
  await using target = await TestProject.create({ repository: project.repository });
  await createBucket(target, "files", { public: true });
  await insertRows(target, await rowsAsText(project));

  const { id, result } = await target.restore();
  assert.deepEqual(await failuresOf(target, id), []);
  const [source, restored] = [await readObjects(project), await readObjects(target)];
  assert.equal(result.did.objects_verified, source.size);
  assert.deepEqual([...restored.values()].map(restorable), [...source.values()].map(restorable));
});

Deno.test("a row with metadata that is in no snapshot is not overwritten", async () => {
  await using project = await createProject();
  await upload(project, "files", "small", "newer bytes", { userMetadata: { edition: 2 } });
  await upload(project, "files", "empty", "not empty any more");
  await project.backup();
  await project
    .sql`update storage.objects set user_metadata = '{"edition": 3}' where name = 'small'`;
  await loseAll(project);
  const [first] = await project.reader.snapshotIds();
  const before = await readRows(project.sql);

  const { id } = await project.restore({ snapshot: first });
  assert.deepEqual(await failuresOf(project, id), [["small", "bytes_missing"]]);
  const after = await readObjects(project);
  const { sha256, ...small } = after.get("files/small")!;
  assert.deepEqual([small, sha256], [before.get("files/small"), undefined]);
  assert.equal(after.get("files/empty")!.metadata.size, 0, "its newer bytes are held");
});

/**
 * Rows as a database backup has them, with microseconds. JavaScript dates have only milliseconds.
 */
async function rowsAsText({ sql }: TestProject): Promise<string> {
  const [row] = await sql<{ rows: string }[]>`
    select jsonb_agg(to_jsonb(o))::text as rows from storage.objects o`;
  return row!.rows;
}

async function insertRows({ sql }: TestProject, rows: string): Promise<void> {
  await sql`
    insert into storage.objects (id, bucket_id, name, version, owner, owner_id, metadata,
      user_metadata, created_at, updated_at)
    select id, bucket_id, name, version, owner, owner_id, metadata, user_metadata, created_at,
      updated_at
    from jsonb_populate_recordset(null::storage.objects, ${rows}::text::jsonb)`;
}
