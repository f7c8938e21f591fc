import assert from "node:assert/strict";
import { connect } from "../../stack/postgres/connection.ts";
import { eventually } from "../support/eventually.ts";
import { assertHolds } from "../support/assert_snapshot.ts";
import { letRead, slowRead, untilRead } from "../support/hold.ts";
import { bytesOf, createBucket, ok, upload } from "../support/objects.ts";
import { readObjects, readRows, restorable } from "../support/project_reader.ts";
import { TestProject } from "../support/project.ts";
import { digestOf } from "../../stack/repository_reader.ts";

const MIB = 1024 * 1024;

/** Invalid metadata that SQL can write to a row. A backup must not stop or lose the bytes. */
const INVALID_METADATA: Record<string, string | null> = {
  null: null,
  text: '"some text"',
  list: "[1, 2]",
  empty: "{}",
  "no size": '{"mimetype": "text/plain"}',
  "size is text": '{"size": "ten"}',
  "size is negative": '{"size": -1}',
  "size exceeds every integer type": '{"size": 1e30}',
  "type is a number": '{"mimetype": 7, "cacheControl": {"a": 1}}',
  "type is 1 MB": JSON.stringify({ mimetype: "a".repeat(1_000_000) }),
};

Deno.test("a row's bytes are backed up for all metadata that SQL can write", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  for (const [name, metadata] of Object.entries(INVALID_METADATA)) {
    await upload(project, "files", name, `bytes of ${name}`);
    await project.sql`
      update storage.objects set metadata = ${metadata}::text::jsonb where name = ${name}`;
  }
  const { document, entries } = await project.backupSnapshot();
  assert.deepEqual([document.state, document.totals.unavailable], ["complete", 0]);
  for (const name of Object.keys(INVALID_METADATA)) {
    const bytes = await project.reader.bytes(entries.get(`files/${name}`)!);
    assert.equal(digestOf(bytes), digestOf(new TextEncoder().encode(`bytes of ${name}`)), name);
  }
  assert.equal((await project.backup()).counters.objects_copied ?? 0, 0);
  await using target = await TestProject.create({ repository: project.repository });
  await target.restore();
  const restored = await readObjects(target);
  for (const name of Object.keys(INVALID_METADATA)) {
    const bytes = new TextEncoder().encode(`bytes of ${name}`);
    assert.equal(restored.get(`files/${name}`)?.sha256, digestOf(bytes), name);
  }
});

Deno.test("an object that changes during its read is backed up and restored in its new state", async () => {
  await using project = await TestProject.create();
  for (const bucket of ["left", "right"]) await createBucket(project, bucket);
  const NAMES = ["deleted", "moved", "overwritten", "recreated", "retyped", "untouched"];
  for (const name of NAMES) {
    await upload(project, "right", name, `bytes of ${name}`);
    if (name !== "untouched") await slowRead(project, `right/${name}`);
  }
  const run = await project.start("backup/runs");
  for (const name of NAMES.slice(0, -1)) await untilRead(project, `right/${name}`);
  const right = project.storage.from("right");
  await upload(project, "right", "overwritten", "other bytes", { type: "text/csv" });
  await ok(right.remove(["deleted", "recreated"]));
  await upload(project, "right", "recreated", "new bytes of another object");
  // The scan has finished the other bucket.
  await ok(right.move("moved", "moved", { destinationBucket: "left" }));
  await project.sql`update storage.objects set owner_id = 'other' where name = 'retyped'`;
  await letRead(project);
  await project.succeeded(run);
  const { document, entries } = await project.reader.snapshot();
  assert.deepEqual([document.state, document.totals.unavailable], ["complete", 0]);
  assert.deepEqual([...entries.keys()].sort(), [
    "left/moved",
    "right/overwritten",
    "right/recreated",
    "right/retyped",
    "right/untouched",
  ]);
  // The row's metadata may predate the change. The next backup has the new metadata.
  await assertHolds(project, await project.backupSnapshot());
  await using target = await TestProject.create({ repository: project.repository });
  await target.restore();
  const [source, restored] = [await readObjects(project), await readObjects(target)];
  assert.deepEqual([...restored.values()].map(restorable), [...source.values()].map(restorable));
});

/** Rows that only SQL can create, each with the code of its failure. */
const ROWS_BY_SQL: [name: string, version: string | null, code: string][] = [
  ["../../other-bucket/a", "v", "name_unfetchable"],
  ["a/./b", "v", "name_unfetchable"],
  ["a\nb\u001b[2J", "v", "name_unfetchable"],
  ["\u{1f600} é", "v", "name_unfetchable"],
  ["%2e%2e/%00", "v", "name_unfetchable"],
  ["'; drop schema holdfast cascade; --", "v", "bytes_missing"],
  ["n".repeat(2_000), "v", "bytes_missing"],
  ["no version", null, "bytes_missing"],
  ["empty version", "", "bytes_missing"],
  ["a version with path traversal", "../../../etc/passwd", "bytes_missing"],
];

Deno.test("rows that only SQL can create are reported and affect no other object", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "good");
  for (const [name, version] of ROWS_BY_SQL) {
    await project.sql`
      insert into storage.objects (bucket_id, name, version, metadata)
      values ('files', ${name}, ${version}, '{"size": 1, "eTag": "\\"e\\""}')`;
  }
  const { document, entries } = await project.backupSnapshot();
  assert.deepEqual([document.state, document.totals.objects], ["complete", ROWS_BY_SQL.length + 1]);
  for (const [name, , code] of ROWS_BY_SQL) {
    const entry = entries.get(`files/${name}`);
    assert.deepEqual([name, entry?.key, entry?.code], [name, undefined, code]);
  }
  const keys = await project.bucket.keys();
  assert.equal(keys.filter((key) => key.includes("/data/")).length, 1);
  await using target = await TestProject.create({ repository: project.repository });
  const { result } = await target.restore();
  assert.equal(result.did.objects_unavailable, ROWS_BY_SQL.length);
  assert.deepEqual([...(await readRows(target.sql)).keys()], ["files/good"]);
});

Deno.test("a row with a wrong size is reported, and its bytes are not stored as another object's", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["too small", "too large", "right"]) await upload(project, "files", name);
  for (const [name, size] of [["too small", 1], ["too large", 1_000]] as const) {
    await project.sql`
      update storage.objects set metadata = metadata || jsonb_build_object('size', ${size}::int)
      where name = ${name}`;
  }
  const { document, entries } = await project.backupSnapshot();
  assert.equal(document.totals.objects, 3);
  for (const name of ["too small", "too large"]) {
    const { key, code } = entries.get(`files/${name}`)!;
    assert.deepEqual([name, key, code], [name, undefined, "bytes_differ"]);
  }
});

Deno.test("a wrong size is also reported for a large object", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  // The part sizes match the row: only existing parts are read.
  const WRONG_SIZES = [["too small", 9], ["one part too small", 16], ["too large", 30]] as const;
  for (const [name, mib] of WRONG_SIZES) {
    await upload(project, "files", name, bytesOf(20 * MIB, mib));
    await project.sql`
      update storage.objects set metadata = metadata || jsonb_build_object('size', ${
      mib * MIB
    }::int)
      where name = ${name}`;
  }
  const { document, entries } = await project.backupSnapshot();
  assert.deepEqual([document.state, document.totals.unavailable], ["complete", 3]);
  for (const [name] of WRONG_SIZES) {
    const { key, code } = entries.get(`files/${name}`)!;
    assert.deepEqual([name, key, code], [name, undefined, "bytes_differ"]);
  }
});

for (const [what, size] of [["small", 100], ["large", 30 * MIB]] as const) {
  Deno.test(`a ${what} object without an etag in its row is backed up correctly after an overwrite`, async () => {
    await using project = await TestProject.create();
    await createBucket(project, "files");
    await upload(project, "files", "a", bytesOf(size, 1));
    await project.sql`update storage.objects set metadata = metadata - 'eTag'`;
    // Two parts of a large object are uploaded before the overwrite.
    const parts = size > 8 * MIB ? 2 : 0;
    await slowRead(project, "files/a", parts);
    const run = await project.start("backup/runs");
    await untilRead(project, "files/a");
    if (parts > 0) await eventually("two parts", () => hasParts(project, parts));
    await upload(project, "files", "a", bytesOf(size, 2), { type: "text/csv" });
    await letRead(project);
    await project.succeeded(run);
    await assertHolds(project, await project.reader.snapshot());
  });
}

async function hasParts(project: TestProject, count: number): Promise<boolean> {
  return (await project.sql`select from holdfast_private.upload_parts`).length >= count;
}

Deno.test("user metadata of 1 MB are backed up and restored", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  await upload(project, "files", "a");
  await project.sql`
    update storage.objects set user_metadata = jsonb_build_object('a', repeat('b', 1000000))`;
  await project.backup();
  await using target = await TestProject.create({ repository: project.repository });
  await target.restore();
  const [held, restored] = [await readObjects(project), await readObjects(target)];
  assert.deepEqual([...restored.values()].map(restorable), [...held.values()].map(restorable));
});

Deno.test("a transaction with an older time that commits after the scan is in the next snapshot", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["a", "delayed", "z"]) await upload(project, "files", name);
  await project.backup();
  const delayed = connect(project.client.info.adminDatabaseUrl, { max: 1 });
  try {
    await delayed.begin(async (transaction) => {
      await transaction`
        update storage.objects set user_metadata = '{"delayed": true}' where name = 'delayed'`;
      await upload(project, "files", "z", "newer");
      await project.backup();
    });
  } finally {
    await delayed.end();
  }
  const { entries } = await assertHolds(project, await project.backupSnapshot());
  assert.deepEqual(entries.get("files/delayed")!.user_metadata, { delayed: true });
});

Deno.test("a bucket that is deleted and recreated under the same id is backed up with its new objects", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["a", "b", "c"]) await upload(project, "files", name, `old ${name}`);
  const { document: { id } } = await project.backupSnapshot();
  await ok(project.storage.emptyBucket("files"));
  await ok(project.storage.deleteBucket("files"));
  await createBucket(project, "files", { public: true });
  for (const name of ["a", "b"]) await upload(project, "files", name, `new ${name}`);
  await assertHolds(project, await project.backupSnapshot());
  const before = await project.reader.snapshot(id);
  assert.equal(
    new TextDecoder().decode(await project.reader.bytes(before.entries.get("files/c")!)),
    "old c",
  );
});

Deno.test("a source that becomes empty does not change earlier snapshots", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  for (const name of ["a", "b"]) await upload(project, "files", name);
  const first = await assertHolds(project, await project.backupSnapshot());
  const rows = await readRows(project.sql);
  await project.sql`truncate storage.objects cascade`;
  const second = await project.backupSnapshot();
  assert.equal(second.entries.size, 0);
  const { document, entries } = await project.reader.snapshot(first.document.id);
  assert.deepEqual([document.state, [...entries.keys()]], ["complete", [...rows.keys()]]);
  await project.restore({ snapshot: first.document.id });
  assert.deepEqual([...(await readRows(project.sql)).keys()], [...rows.keys()]);
});

Deno.test("a folder that spans many pages is backed up completely", async () => {
  await using project = await TestProject.create();
  await createBucket(project, "files");
  // No request can fetch these names. The test verifies that each row is scanned once.
  await project.sql`
    insert into storage.objects (bucket_id, name, version, metadata)
    select 'files', 'one/folder/../' || md5(n::text), gen_random_uuid(), '{"size": 1}'
    from generate_series(1, 5000) n`;
  const { document, entries } = await project.backupSnapshot();
  assert.deepEqual([document.state, entries.size], ["complete", 5_000]);
  assert.equal(document.totals.unavailable, 5_000);
});
