import assert from "node:assert/strict";
import type postgres from "postgres";
import { assertRefused, openSubject, rolledBack } from "./support.ts";

const OBJECT_COLUMNS = [
  ["id", "uuid"],
  ["bucket_id", "text"],
  ["name", "text"],
  ["owner", "uuid"],
  ["created_at", "timestamp with time zone"],
  ["updated_at", "timestamp with time zone"],
  ["last_accessed_at", "timestamp with time zone"],
  ["metadata", "jsonb"],
  ["path_tokens", "ARRAY"],
  ["version", "text"],
  ["owner_id", "text"],
  ["user_metadata", "jsonb"],
  ["archived_at", "timestamp with time zone"],
  ["is_delete_marker", "boolean"],
  ["is_versioned", "boolean"],
];

const BUCKET_COLUMNS = [
  ["id", "text"],
  ["name", "text"],
  ["owner", "uuid"],
  ["created_at", "timestamp with time zone"],
  ["updated_at", "timestamp with time zone"],
  ["public", "boolean"],
  ["avif_autodetection", "boolean"],
  ["file_size_limit", "bigint"],
  ["allowed_mime_types", "ARRAY"],
  ["owner_id", "text"],
  ["type", "USER-DEFINED"],
  ["versioning_status", "text"],
];

Deno.test("storage: tables, triggers and rows", async (t) => {
  await using subject = await openSubject();
  const { sql } = subject;

  const columnsOf = (table: string) =>
    sql`select column_name, data_type from information_schema.columns
      where table_schema = 'storage' and table_name = ${table}`.values();
  await t.step("objects and buckets have the columns of Storage v1.70", async () => {
    assert.deepEqual([...await columnsOf("objects")].sort(), OBJECT_COLUMNS.toSorted());
    assert.deepEqual([...await columnsOf("buckets")].sort(), BUCKET_COLUMNS.toSorted());
  });

  await t.step("versioning is switched off by a check", () =>
    rolledBack(sql, async (tx) => {
      await addBucket(tx);
      const enable = "update storage.buckets set versioning_status = 'ENABLED' where id = 'shelf'";
      const error = await assertRefused(tx, enable, "23514");
      assert.equal(error.constraint_name, "buckets_versioning_dark_check");
    }));

  await t.step("a bucket has one of three types", () =>
    rolledBack(sql, async (tx) => {
      for (const type of ["STANDARD", "ANALYTICS", "VECTOR"]) {
        await tx`insert into storage.buckets (id, name, type) values (${type}, ${type}, ${type})`;
      }
      const other = "insert into storage.buckets (id, name, type) values ('x', 'x', 'OTHER')";
      await assertRefused(tx, other, "22P02");
    }));

  await t.step("only the indexes for a scan exist", async () => {
    const rows = await sql<{ name: string; definition: string }[]>`
      select indexname as name, regexp_replace(indexdef, '.* USING btree ', '') as definition
      from pg_indexes where schemaname = 'storage' and tablename = 'objects'`;
    const definitions = Object.fromEntries(rows.map((row) => [row.name, row.definition]));
    assert.equal(definitions.bucketid_objname, "(bucket_id, name)");
    assert.equal(definitions.idx_objects_bucket_id_name, '(bucket_id, name COLLATE "C")');
    const served = rows.filter((row) => /updated_at|version/.test(row.definition));
    assert.deepEqual(served, []);
  });

  await t.step(
    "a name is unique in a bucket, and a bucket's id and name may differ",
    () =>
      rolledBack(sql, async (tx) => {
        await tx`insert into storage.buckets (id, name) values ('shelf', 'The shelf')`;
        await addObject(tx, "a/b.txt");
        const again = "insert into storage.objects (bucket_id, name) values ('shelf', 'a/b.txt')";
        await assertRefused(tx, again, "23505");
      }),
  );

  await t.step(
    "an update sets updated_at to the transaction's start and ignores the given value",
    () =>
      rolledBack(sql, async (tx) => {
        await addBucket(tx);
        await addObject(tx, "a");
        const [row] = await tx`
        update storage.objects set updated_at = '2001-02-03', owner_id = 'me',
          created_at = '2001-02-03', user_metadata = '{"k": "v"}'
        where name = 'a'
        returning updated_at = now() as is_now, owner_id, created_at = '2001-02-03' as is_set,
          user_metadata`;
        const expected = { is_now: true, owner_id: "me", is_set: true, user_metadata: { k: "v" } };
        assert.deepEqual({ ...row }, expected);
      }),
  );

  await t.step(
    "updated_at can be set under session_replication_role replica",
    () =>
      rolledBack(sql, async (tx) => {
        await addBucket(tx);
        await addObject(tx, "a");
        await tx`set local session_replication_role = 'replica'`;
        const [row] = await tx`
        update storage.objects set updated_at = '2001-02-03' where name = 'a'
        returning updated_at = '2001-02-03' as is_set`;
        assert.equal(row.is_set, true);
      }),
  );

  await t.step("no trigger bumps a bucket's updated_at", () =>
    rolledBack(sql, async (tx) => {
      await tx`
        insert into storage.buckets (id, name, updated_at) values ('shelf', 'shelf', '2001-02-03')`;
      const [row] = await tx`
        update storage.buckets set public = true where id = 'shelf'
        returning updated_at = '2001-02-03' as is_old`;
      assert.equal(row.is_old, true);
    }));

  await t.step(
    "a direct delete is refused, even of no row, unless a setting allows it",
    () =>
      rolledBack(sql, async (tx) => {
        await addBucket(tx);
        await addObject(tx, "a");
        await assertRefused(tx, "delete from storage.objects where false", "42501");
        await assertRefused(tx, "delete from storage.buckets where false", "42501");
        await tx`select set_config('storage.allow_delete_query', 'true', true)`;
        const deleted = await tx`delete from storage.objects where name = 'a'`;
        assert.equal(deleted.count, 1);
      }),
  );

  await t.step("truncate is not refused", () =>
    rolledBack(sql, async (tx) => {
      await addBucket(tx);
      await addObject(tx, "a");
      await tx`truncate storage.objects`;
      assert.equal((await tx`select from storage.objects`).length, 0);
    }));

  await t.step("helper functions split names", () =>
    rolledBack(sql, async (tx) => {
      await addBucket(tx);
      await addObject(tx, "a/b/c.tar.gz");
      const [row] = await tx`
        select path_tokens, storage.foldername(name) as folders, storage.filename(name) as file,
          storage.extension(name) as extension
        from storage.objects where name = 'a/b/c.tar.gz'`;
      assert.deepEqual({ ...row }, {
        path_tokens: ["a", "b", "c.tar.gz"],
        folders: ["a", "b"],
        file: "c.tar.gz",
        extension: "gz",
      });
    }));

  await t.step(
    "search lists one level, and folders have only a name",
    () =>
      rolledBack(sql, async (tx) => {
        await addBucket(tx);
        for (const name of ["x/1", "x/y/2", "x/y/3", "x/Z", "other"]) await addObject(tx, name);
        const rows = await tx`select name, id is null as folder from storage.search('x/', 'shelf')`;
        assert.deepEqual(rows.map((row) => ({ ...row })), [
          { name: "1", folder: false },
          { name: "y", folder: true },
          { name: "Z", folder: false },
        ]);
      }),
  );

  await t.step("text is sorted by a language's collation, not by bytes", async () => {
    const [row] = await sql`select 'a'::text < 'B'::text as language,
      'a'::text collate "C" < 'B'::text as bytes`;
    assert.deepEqual({ ...row }, { language: true, bytes: false });
  });
});

async function addBucket(tx: postgres.TransactionSql) {
  await tx`insert into storage.buckets (id, name) values ('shelf', 'shelf')`;
}

async function addObject(tx: postgres.TransactionSql, name: string) {
  await tx`insert into storage.objects (bucket_id, name, version)
    values ('shelf', ${name}, gen_random_uuid())`;
}
