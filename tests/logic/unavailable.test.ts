import assert from "node:assert/strict";
import { assertHolds } from "../support/assert_snapshot.ts";
import { createBucket, ok, upload } from "../support/objects.ts";
import { readRows } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";
import { countRequests } from "../support/requests.ts";

/** Names that rows may have but that no request can address. */
const UNFETCHABLE = ["a/../b", "./c", "d/.", "ü.txt", "100%.txt", "back\\slash", "[1]"];

/** A project with two readable files, one without bytes, and rows that SQL inserted. */
async function createProject(): Promise<TestProject> {
  const project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["good", "lost", "also good"]) await upload(project, "files", name, name);
  await project.client.loseBytes("files", "lost");
  for (const name of UNFETCHABLE) {
    await project.sql`
      insert into storage.objects (bucket_id, name, version, metadata)
      values ('files', ${name}, ${crypto.randomUUID()}, '{"size": 3, "mimetype": "text/plain"}')`;
  }
  return project;
}

async function failuresOf(project: TestProject) {
  const rows = await project.sql<{ name: string; class: string; code: string }[]>`
    select name, class, code from holdfast_private.failures order by name collate "C"`;
  return rows.map((row) => ({ ...row }));
}

Deno.test("rows without bytes and names that cannot be fetched do not make a snapshot partial", async () => {
  await using project = await createProject();
  const { run, document, entries } = await project.backupSnapshot();
  assert.equal(document.state, "complete");
  assert.deepEqual([...entries.keys()].sort(), [...(await readRows(project.sql)).keys()].sort());
  assert.equal(document.totals.unavailable, 1 + UNFETCHABLE.length);
  assert.equal(run.counters.objects_copied, 2);
  assert.equal(run.counters.objects_unavailable, 1 + UNFETCHABLE.length);
  for (const name of ["lost", ...UNFETCHABLE]) {
    const { key, wanted_version, version, code } = entries.get(`files/${name}`)!;
    assert.deepEqual(
      { key, code, wanted_version },
      {
        key: undefined,
        code: name === "lost" ? "bytes_missing" : "name_unfetchable",
        wanted_version: version,
      },
      name,
    );
  }
  assert.deepEqual(
    await failuresOf(project),
    ["lost", ...UNFETCHABLE].toSorted().map((name) => ({
      name,
      class: "unavailable",
      code: name === "lost" ? "bytes_missing" : "name_unfetchable",
    })),
  );
});

Deno.test("latest restores the available objects and lists the unavailable ones", async () => {
  await using project = await createProject();
  await project.backup();
  await using target = await TestProject.create({ repository: project.repository });
  const { id, result } = await target.restore();
  assert.equal(result.snapshot_state, "complete");
  assert.equal(result.did.objects_verified, 2);
  assert.equal(result.did.objects_unavailable, 1 + UNFETCHABLE.length);
  assert.deepEqual([...(await readRows(target.sql)).keys()], ["files/also good", "files/good"]);
  const failures = await target.sql`
    select name, code from holdfast_private.failures where run = ${id} order by name collate "C"`;
  assert.equal(failures.length, 1 + UNFETCHABLE.length);
  assert.ok(failures.every(({ code }) => /^(bytes_missing|name_unfetchable)$/.test(code)));
});

Deno.test("the next backup lists unavailable objects and retries them only when due", async () => {
  await using project = await createProject();
  const first = await project.backupSnapshot();
  const { storage, s3 } = await countRequests(project, () => project.backup());
  assert.deepEqual(storage, {});
  assert.equal(s3.PutObject, 2);
  const second = await project.reader.snapshot();
  assert.deepEqual(second.entries, first.entries);

  await project.sql`update holdfast_private.failures set next_at = now() - interval '1 second'`;
  const again = await countRequests(project, () => project.backup());
  // Names with a segment that a URL collapses are never requested.
  assert.ok((again.storage["GET object/authenticated"] ?? 0) > 0);
  const [row] = await project.sql`
    select attempts from holdfast_private.failures where name = 'lost' and bucket_id = 'files'`;
  assert.equal(row!.attempts, 2);
});

Deno.test("an unavailable object that is uploaded again is copied at once and is no longer listed", async () => {
  await using project = await createProject();
  await project.backup();
  await upload(project, "files", "lost", "found");
  const { document, entries } = await project.backupSnapshot();
  assert.equal(document.totals.unavailable, UNFETCHABLE.length);
  assert.equal(entries.get("files/lost")!.wanted_version, undefined);
  assert.ok((await failuresOf(project)).every(({ name }) => name !== "lost"));
});

Deno.test("an older stored version stays and is marked stale with the unavailable version", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a", "the old bytes");
  await project.backup();
  await upload(project, "files", "a", "the new bytes, longer");
  await project.client.loseBytes("files", "a");
  const { document, entries } = await project.backupSnapshot();
  assert.deepEqual([document.state, document.totals.stale], ["complete", 1]);
  const entry = entries.get("files/a")!;
  const row = (await readRows(project.sql)).get("files/a")!;
  assert.deepEqual([entry.wanted_version, entry.code], [row.version, "bytes_missing"]);
  assert.notEqual(entry.version, row.version);
  const bytes = await project.reader.bytes(entry);
  assert.equal(new TextDecoder().decode(bytes), "the old bytes");
});

Deno.test("an object without bytes that takes a moved object's name is listed", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a", "what moves");
  await project.backup();
  await ok(project.storage.from("files").move("a", "b"));
  await upload(project, "files", "a", "what takes its name");
  await project.client.loseBytes("files", "a");
  const row = (await readRows(project.sql)).get("files/a")!;
  // It is listed when it is found, and on the next day, when it is not retried.
  for (let night = 1; night <= 2; night++) {
    const { document, entries } = await project.backupSnapshot();
    assert.deepEqual([document.state, document.totals.stale], ["complete", 1]);
    assert.deepEqual([...entries.keys()].sort(), ["files/a", "files/b"]);
    assert.equal(entries.get("files/a")!.wanted_version, row.version);
    assert.equal(entries.get("files/b")!.wanted_version, undefined);
  }
  await upload(project, "files", "a", "what can be had");
  const { document } = await assertHolds(project, await project.backupSnapshot());
  assert.equal(document.totals.stale, 0);
});

Deno.test("a failure of an object that is backed up by now does not make a snapshot partial", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a");
  const { id } = await project.backup();
  // The state of a restored database after an import of the log.
  await project.sql`
    insert into holdfast_private.failures (run, job, bucket_id, name, version, class, code, message, next_at)
    select ${id}, 'backup', bucket_id, name, version, 'failed', 'storage_failed', '', now()
    from storage.objects`;
  assert.equal((await project.backupSnapshot()).document.state, "complete");
  assert.deepEqual(await failuresOf(project), []);
});

Deno.test("bytes that do not match the row are not stored for it", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "size", "twelve bytes");
  await upload(project, "files", "etag", "twelve bytes");
  await project.sql`
    update storage.objects set metadata = metadata || '{"size": 11}' where name = 'size'`;
  await project.sql`
    update storage.objects set metadata = metadata || '{"eTag": "\\"other\\""}' where name = 'etag'`;
  const { document, entries } = await project.backupSnapshot();
  assert.equal(document.state, "complete");
  for (const name of ["size", "etag"]) {
    const { key, code } = entries.get(`files/${name}`)!;
    assert.deepEqual([key, code], [undefined, "bytes_differ"], name);
  }
});
