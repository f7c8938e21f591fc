import assert from "node:assert/strict";
import { runBackup } from "./support/backup.ts";
import { Objects } from "./support/objects.ts";
import { type SqlProject, sqlTest } from "./support/project.ts";
import { Repository } from "./support/repository.ts";

const NAMES = ["1", "a", "aa", "b"];

sqlTest("only the version or a restored column makes a difference", async (project) => {
  const { repository } = await filled(project);
  await runBackup(project, repository);
  await project.owner`update storage.objects set last_accessed_at = now()`;
  assert.deepEqual((await runBackup(project, repository)).scanned, []);
  await project.owner`update storage.objects set owner_id = 'other' where name = 'a'`;
  await project.owner`update storage.objects set created_at = now() where name = 'b'`;
  await project.owner`
    update storage.objects set metadata = metadata || '{"cacheControl": "no-cache"}'
    where name = 'aa'`;
  const third = await runBackup(project, repository);
  assert.deepEqual(third.scanned, ["photos/a", "photos/aa", "photos/b"]);
  const [{ blobs }] = await project
    .owner`select count(*)::int as blobs from holdfast_private.blobs`;
  assert.equal(blobs, NAMES.length);
});

sqlTest(
  "rows of old projects without a version are compared by their bytes",
  async (project) => {
    const { repository } = await filled(project);
    await project.owner`update storage.objects set version = null`;
    await runBackup(project, repository);
    assert.deepEqual((await runBackup(project, repository)).scanned, []);
    await project.owner`
    update storage.objects set metadata = metadata || '{"eTag": "\\"other\\""}' where name = 'a'`;
    assert.deepEqual((await runBackup(project, repository)).scanned, ["photos/a"]);
  },
);

sqlTest(
  "rows with prepared versioning columns are scanned while they are current",
  async (project) => {
    const { repository } = await filled(project);
    await runBackup(project, repository);
    await project.admin`update storage.objects set archived_at = now() where name = 'a'`;
    await project.admin`update storage.objects set is_delete_marker = true where name = 'b'`;
    const { snapshot } = await runBackup(project, repository);
    assert.equal(snapshot?.totals.objects, NAMES.length - 2);
  },
);

sqlTest("no object of Holdfast depends on a column of Storage", async ({ owner }) => {
  const held = await owner`
    select distinct pg_describe_object(d.classid, d.objid, d.objsubid) as what
    from pg_depend d join pg_class c on d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
      left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
      left join pg_class v on v.oid = r.ev_class
      left join pg_proc p on d.classid = 'pg_proc'::regclass and d.objid = p.oid
    where c.relnamespace = 'storage'::regnamespace
      and array[v.relnamespace, p.pronamespace] && array['holdfast', 'holdfast_private']::regnamespace[]::oid[]`;
  assert.deepEqual([...held], []);
});

/**
 * Changes of the table by a Storage upgrade, or columns of an older Storage, while Holdfast is
 * installed.
 */
const OTHER_TABLES: Record<string, string> = {
  "of an older Storage, without versioning":
    "drop column archived_at, drop column is_delete_marker, drop column is_versioned",
  "of a very old Storage, without user metadata and owner_id":
    `drop column user_metadata, drop column owner_id, drop column path_tokens,
     drop column archived_at, drop column is_delete_marker, drop column is_versioned`,
  "of a future Storage, without the deprecated owner": "drop column owner, drop column path_tokens",
  "of a future Storage, with other types and columns":
    `alter column version type uuid using version::uuid, alter column owner_id type varchar(200),
     add level integer, add tags jsonb not null default '{}', add lock_until timestamptz`,
};

for (const [what, change] of Object.entries(OTHER_TABLES)) {
  sqlTest(
    `a table ${what} is read although Holdfast was installed before the change`,
    async (project) => {
      const { objects, repository } = await filled(project);
      await runBackup(project, repository);
      await project.admin.unsafe(`alter table storage.objects ${change}`);
      // Only metadata of the rows is lost. All bytes are backed up.
      const after = await runBackup(project, repository);
      assert.equal(after.snapshot?.totals.objects, NAMES.length);
      assert.deepEqual((await runBackup(project, repository)).scanned, []);
      const [{ blobs }] = await project
        .owner`select count(*)::int as blobs from holdfast_private.blobs`;
      assert.equal(blobs, NAMES.length);
      await objects.remove("photos", "a");
      const last = await runBackup(project, repository);
      assert.equal(last.snapshot?.totals.objects, NAMES.length - 1);

      const [row] = await project
        .owner`select bucket_id, name, version::text from storage.objects limit 1`;
      const metadata = { owner_id: "somebody", type: "a/b", created_at: "2020-01-01T00:00:00Z" };
      await project.owner`
      select holdfast_private.patch_objects(${
        project.owner.json([{ ...row, restored_version: row!.version, metadata }])
      })`;
      const [patched] = await project.owner`
      select created_at, metadata ->> 'mimetype' as type from storage.objects where name = ${
        row!.name
      }`;
      assert.deepEqual({ ...patched }, { created_at: new Date(metadata.created_at), type: "a/b" });
    },
  );
}

sqlTest("a very old row without a version is patched like any other", async (project) => {
  const { objects } = await filled(project);
  await objects.remove("photos", "b");
  await project.owner`update storage.objects set version = null`;
  const [row] = await project.owner`
    select bucket_id, name, version from holdfast_private.source_objects where name = 'a'`;
  assert.match(row!.version, /^none-/);
  const metadata = { owner_id: "somebody", type: "a/b", user_metadata: { by: "somebody" } };
  await project.owner`
    select holdfast_private.patch_objects(${
    project.owner.json([{ ...row, restored_version: row!.version, metadata }])
  })`;
  const patched = await project.owner`
    select name, version, user_metadata from storage.objects where user_metadata ? 'by'`;
  assert.deepEqual(patched.map((row) => ({ ...row })), [
    { name: "a", version: null, user_metadata: { by: "somebody" } },
  ]);
});

sqlTest("the versioning columns of a Storage upgrade are read", async (project) => {
  const { repository } = await filled(project);
  await project.admin.unsafe(
    `alter table storage.objects ${OTHER_TABLES["of an older Storage, without versioning"]}`,
  );
  await runBackup(project, repository);
  await project.admin`alter table storage.objects add archived_at timestamptz,
    add is_delete_marker boolean not null default false`;
  await project.admin`update storage.objects set archived_at = now() where name = 'a'`;
  const { snapshot } = await runBackup(project, repository);
  assert.equal(snapshot?.totals.objects, NAMES.length - 1);
});

sqlTest(
  "the scan reads the current version if Storage keeps several versions of a name",
  async (project) => {
    const { repository } = await filled(project);
    await project.admin.unsafe("drop index storage.bucketid_objname");
    await project.admin`
    insert into storage.objects (bucket_id, name, version, metadata, archived_at, is_delete_marker)
    select o.bucket_id, o.name, gen_random_uuid()::text, o.metadata,
      case when n < 3 then now() end, n = 3
    from storage.objects o, generate_series(1, 3) n where o.name in ('a', 'b')`;
    const { snapshot, scanned } = await runBackup(project, repository);
    assert.equal(snapshot?.totals.objects, NAMES.length);
    assert.deepEqual(scanned.sort(), NAMES.map((name) => `photos/${name}`));
    assert.deepEqual((await runBackup(project, repository)).scanned, []);
  },
);

sqlTest("analytics buckets and Holdfast's own buckets are not scanned", async (project) => {
  const { objects, repository } = await filled(project);
  const scratch = `holdfast-scratch-${crypto.randomUUID()}`;
  await objects.createBucket(scratch);
  await objects.upload(scratch, "any");
  await project.owner`
    insert into storage.buckets (id, name, type) values ('events', 'events', 'ANALYTICS')`;
  const { snapshot } = await runBackup(project, repository);
  assert.equal(snapshot?.totals.objects, NAMES.length);
  assert.deepEqual(snapshot.buckets.map((bucket) => bucket.id), ["photos"]);
});

/** One change of each restored column, with a similar value that must count as different. */
const CHANGES: Record<string, string> = {
  "a type": `metadata = metadata || '{"mimetype": "image/png"}'`,
  "no type": `metadata = metadata - 'mimetype'`,
  "a cache control": `metadata = metadata || '{"cacheControl": "no-cache"}'`,
  "no cache control": `metadata = metadata - 'cacheControl'`,
  "an owner that is a UUID": "owner_id = '6d2f8c8e-53d0-4b1c-9d0a-3d2a1f0f7a11'",
  "another owner": "owner_id = '6D2F8C8E-53D0-4B1C-9D0A-3D2A1F0F7A11'",
  "no owner": "owner_id = null",
  "a creation": "created_at = created_at + interval '1 microsecond'",
  "no creation that is a time": "created_at = 'infinity'",
  "no user metadata": "user_metadata = null",
  "empty user metadata": "user_metadata = '{}'",
  "a list as user metadata": "user_metadata = '[]'",
  "a number": `user_metadata = '{"n": 1}'`,
  "a text of it": `user_metadata = '{"n": "1"}'`,
};

sqlTest("a change of any one restored column is detected once", async (project) => {
  const { repository } = await filled(project);
  await runBackup(project, repository);
  for (const [what, change] of Object.entries(CHANGES)) {
    await project.owner.unsafe(`update storage.objects set ${change} where name = 'a'`);
    assert.deepEqual((await runBackup(project, repository)).scanned, ["photos/a"], what);
    assert.deepEqual((await runBackup(project, repository)).scanned, [], `${what}, again`);
    const [{ same }] = await project.owner`
      select e.metadata - 'updated_at' = o.metadata - 'updated_at' as same
      from holdfast_private.known_entries e join holdfast_private.source_objects o using (bucket_id, name)
      where name = 'a' and removed_in is null`;
    assert.ok(same, what);
  }
  // A restore replaces JSON null with no value.
  await project.owner`update storage.objects set user_metadata = null where name = 'a'`;
  await runBackup(project, repository);
  await project.owner`update storage.objects set user_metadata = 'null' where name = 'a'`;
  assert.deepEqual((await runBackup(project, repository)).scanned, []);
  await project.owner`update storage.objects set user_metadata = '{"n": 1}' where name = 'a'`;
  await runBackup(project, repository);
  await project.owner`update storage.objects set user_metadata = '{"n": 1.0}' where name = 'a'`;
  assert.deepEqual((await runBackup(project, repository)).scanned, ["photos/a"]);
});

sqlTest("an entry has exactly its row's values", async (project) => {
  const { repository } = await filled(project);
  await project.owner`update storage.objects set created_at = 'infinity' where name = 'a'`;
  await project.owner`update storage.objects set user_metadata = null, owner_id = null,
    metadata = '{"size": "12", "eTag": "plain"}' where name = 'b'`;
  await project.owner`update storage.objects set metadata = null where name = '1'`;
  await runBackup(project, repository);
  for (const zone of ["UTC", "Asia/Kolkata"]) {
    await project.owner`select set_config('timezone', ${zone}, false)`;
    const rows = await project.owner`
      select name, e.metadata = o.metadata as equal, e.version = o.version as same_version,
        o.size, o.etag, o.metadata ->> 'updated_at' = holdfast_private.utc((
          select updated_at from storage.objects where id = o.id)) as same_time
      from holdfast_private.source_objects o join holdfast_private.known_entries e using (bucket_id, name)
      where name in ('1', 'a', 'b') order by name collate "C"`;
    assert.deepEqual(
      rows.map((row) => [row.name, row.equal, row.same_version, row.same_time, row.size]),
      [
        ["1", true, true, true, null],
        ["a", true, true, true, "1"],
        ["b", true, true, true, "12"],
      ],
    );
    assert.equal(rows[2].etag, "plain");
  }
});

async function filled(project: SqlProject) {
  const objects = new Objects(project.owner);
  await objects.createBucket("photos");
  for (const name of NAMES) await objects.upload("photos", name, { text: name });
  return { objects, repository: new Repository() };
}
