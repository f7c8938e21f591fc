import assert from "node:assert/strict";
import { createBucket, ok, upload } from "../support/objects.ts";
import { TestProject } from "../support/project.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { countRequests } from "../support/requests.ts";

/** A project with a few files and three backups. Some files change between the backups. */
async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["a", "b", "c", "d"]) await upload(project, "files", name, `bytes of ${name}`);
  await project.backup();
  await upload(project, "files", "a", "overwritten");
  await ok(project.storage.from("files").remove(["b"]));
  await project.backup();
  await ok(project.storage.from("files").move("c", "moved"));
  await upload(project, "files", "e");
  await project.backup();
  return project;
}

/** The catalog's rows without ids that are local to it. */
async function catalogOf(project: TestProject) {
  const rows = await project.sql`
    select bucket_id, name, added_in, removed_in, object_id, version, key, size,
      encode(sha256, 'hex') as sha256, part_size, metadata, assumed, wanted_version, code
    from holdfast_private.known_entries
    order by bucket_id, name, added_in`;
  const snapshots = await project.sql`
    select sequence, id, state, started_at, sealed_at, document from holdfast_private.snapshots
    order by sequence`;
  return { entries: [...rows], snapshots: [...snapshots] };
}

/** Restores the database to its state after the first snapshot, as a database backup does. */
async function rewind(project: TestProject): Promise<void> {
  const [row] = await project.sql`select min(sequence) as first from holdfast_private.snapshots`;
  await project.sql.begin(async (sql) => {
    await sql`delete from holdfast_private.snapshots where sequence > ${row!.first}`;
    await sql`delete from holdfast_private.entries where added_in > ${row!.first}`;
    await sql`update holdfast_private.entries set removed_in = null where removed_in > ${
      row!.first
    }`;
    await sql`delete from holdfast_private.blobs b
      where not exists (select from holdfast_private.entries e where e.blob = b.id)`;
    await sql`delete from holdfast_private.runs where sequence > ${row!.first}`;
    await sql`update holdfast_private.repositories set last_record = ${row!.first}`;
  });
}

Deno.test("a database restored from an older backup is refused, and continues after an import", async () => {
  await using project = await createProject();
  const before = await catalogOf(project);
  await rewind(project);
  const bucket = await project.bucket.list();
  const run = await project.ended(await project.start("backup/runs"));
  assert.deepEqual([run.state, run.code], ["failed", "catalog_behind"]);
  assert.match(run.remedy!, /POST \/functions\/v1\/holdfast-backup\/imports/);
  assert.deepEqual(await project.bucket.list(), bucket, "something was written");

  const imported = await countRequests(project, () => project.importLog());
  assert.deepEqual(imported.storage, {});
  assert.deepEqual(Object.keys(imported.s3).sort(), ["GetObject", "ListObjectsV2"]);
  assert.deepEqual(await catalogOf(project), before);

  await upload(project, "files", "f");
  const next = await countRequests(project, () => project.backup());
  assert.equal(next.result.counters.objects_copied, 1);
  await assertHolds(project, await project.reader.snapshot());
});

Deno.test("an import rebuilds a catalog that was lost completely", async () => {
  await using project = await createProject();
  const before = await catalogOf(project);
  await project.sql`
    truncate holdfast_private.entries, holdfast_private.blobs, holdfast_private.snapshots, holdfast_private.repositories,
      holdfast_private.runs, holdfast_private.cursors, holdfast_private.uploads, holdfast_private.upload_parts, holdfast_private.failures,
      holdfast_private.overwrites`;
  const run = await project.ended(await project.start("backup/runs"));
  assert.deepEqual([run.state, run.code], ["failed", "catalog_behind"]);
  await project.importLog();
  assert.deepEqual(await catalogOf(project), before);
  const { storage } = await countRequests(project, () => project.backup());
  assert.deepEqual(storage, {});
});

Deno.test("an import without new snapshots changes nothing", async () => {
  await using project = await createProject();
  const before = await catalogOf(project);
  const { result } = await project.importLog();
  assert.equal(result.newest_snapshot, (await project.reader.snapshotIds()).at(-1));
  assert.deepEqual(await catalogOf(project), before);
});

Deno.test("an import from an emptied bucket is refused because the catalog is ahead of it", async () => {
  await using project = await createProject();
  for (const key of await project.bucket.keys()) await project.bucket.remove(key);
  const run = await project.ended(await project.start("backup/runs"));
  assert.deepEqual([run.state, run.code], ["failed", "catalog_ahead"]);
  assert.match(run.remedy!, /new\s+prefix to begin a new repository/);
  assert.deepEqual(await project.bucket.keys(), []);

  await project.client.setSecrets({ HOLDFAST_S3_PREFIX: "begun-anew" });
  await project.backup();
  const { copied } = await project.sql`
    select sum((counters ->> 'objects_copied')::integer)::integer as copied
    from holdfast_private.cursors where run = (select id from holdfast_private.runs order by started_at desc limit 1)`
    .then(([row]) => row as unknown as { copied: number });
  assert.equal(copied, 4);
});

Deno.test("an import from a log that was rolled back is refused", async () => {
  await using project = await createProject();
  const log = await project.reader.keys("log/");
  await project.bucket.remove(`holdfast/${log.at(-1)}`);
  const before = await project.bucket.list();
  const run = await project.ended(await project.start("backup/runs"));
  assert.deepEqual([run.state, run.code], ["failed", "catalog_ahead"]);
  assert.match(run.message!, /lacks its record/);
  assert.deepEqual(await project.bucket.list(), before);
});

Deno.test("snapshots of another repository are not imported", async () => {
  await using project = await createProject();
  await using reader = await TestProject.create({ repository: project.repository });
  const identity = JSON.parse(
    new TextDecoder().decode(await project.bucket.get("holdfast/holdfast.json")),
  );
  const other = { ...identity, repository_id: crypto.randomUUID() };
  await project.bucket.put("holdfast/holdfast.json", JSON.stringify(other));
  const run = await reader.ended(await reader.start("backup/imports"));
  assert.deepEqual([run.state, run.code], ["failed", "repository_damaged"]);
  assert.match(run.message!, new RegExp(`of the repository ${identity.repository_id}`));
});

Deno.test("a moved object's bytes remain one blob before and after an import", async () => {
  await using project = await createProject();
  await using reader = await TestProject.create({ repository: project.repository });
  await reader.importLog();
  for (const { sql } of [project, reader]) {
    const blobs = await sql`
      select b.id, array_agg(distinct e.key) as keys, array_agg(distinct e.name order by e.name) as names
      from holdfast_private.blobs b join holdfast_private.known_entries e on e.blob = b.id
      group by b.id order by min(e.name), min(e.added_in)`;
    assert.deepEqual(blobs.map(({ names }) => names.join()), ["a", "a", "b", "c,moved", "d", "e"]);
    assert.ok(blobs.every(({ keys }) => keys.length === 1));
    assert.equal(new Set(blobs.map(({ keys }) => keys[0])).size, blobs.length);
  }
  const [{ open }] = await reader.sql`
    select count(*)::int as open from holdfast_private.blobs b
    where not exists (select from holdfast_private.entries e where e.blob = b.id)`;
  assert.equal(open, 0);
});

Deno.test("an import fails and names the key if the log or a listing is damaged", async () => {
  await using project = await createProject();
  const [part] = await project.reader.keys("lists/");
  const [snapshot] = await project.reader.keys("snapshots/");
  const { stack } = project.client;
  for (const key of [part!, snapshot!]) {
    await using reader = await TestProject.create({ repository: project.repository });
    const at = { bucket: project.repository.bucket, key: `holdfast/${key}`, at: 20 };
    await stack.call("damageS3Object", at);
    const run = await reader.ended(await reader.start("backup/imports"));
    assert.deepEqual([run.state, run.code], ["failed", "repository_damaged"]);
    assert.ok(run.message!.includes(key), run.message!);
    await stack.call("damageS3Object", at);
    await reader.importLog();
  }
});
