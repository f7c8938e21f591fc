/** The tables as the role `postgres` of a project sees them. */
import assert from "node:assert/strict";
import { bucketTest, sqlOf, storageTest } from "./support.ts";

/** A SQLSTATE that a statement must be refused with. */
async function assertSqlRefused(statement: string, code: string): Promise<void> {
  await assert.rejects(sqlOf().unsafe(statement).then(() => {}), { code }, statement);
}

async function columnsOf(table: string): Promise<Set<string>> {
  const rows = await sqlOf()<{ column_name: string }[]>`
    select column_name from information_schema.columns
    where table_schema = 'storage' and table_name = ${table}`;
  return new Set(rows.map(({ column_name }) => column_name));
}

storageTest(
  "tables: the columns exist; the columns of versioning exist all or none",
  ["sql"],
  async () => {
    const objects = await columnsOf("objects");
    const expected = [
      ...["id", "bucket_id", "name", "owner", "owner_id", "version", "metadata", "user_metadata"],
      ...["created_at", "updated_at", "last_accessed_at", "path_tokens"],
    ];
    assert.deepEqual(expected.filter((column) => !objects.has(column)), []);
    const versioning = ["archived_at", "is_delete_marker", "is_versioned"];
    assert([0, 3].includes(versioning.filter((column) => objects.has(column)).length));
    const buckets = await columnsOf("buckets");
    const wanted = [
      ...["id", "name", "public", "file_size_limit", "allowed_mime_types", "avif_autodetection"],
      ...["owner_id", "type", "created_at", "updated_at"],
    ];
    assert.deepEqual(wanted.filter((column) => !buckets.has(column)), []);
  },
);

storageTest("tables: two indexes serve a scan, one of them by collate C", ["sql"], async () => {
  const rows = await sqlOf()<{ indexdef: string }[]>`
    select indexdef from pg_indexes where schemaname = 'storage' and tablename = 'objects'`;
  const definitions = rows.map(({ indexdef }) => indexdef.replace(/^.* USING /, ""));
  assert(definitions.includes("btree (bucket_id, name)"), definitions.join("\n"));
  assert(definitions.includes('btree (bucket_id, name COLLATE "C")'), definitions.join("\n"));
  assert(!definitions.some((definition) => /updated_at|\(version/.test(definition)));
});

bucketTest("tables: a direct delete is refused unless the transaction allowed it", {
  needs: ["sql"],
}, async (bucket) => {
  await bucket.insertRow("a");
  const statement = `delete from storage.objects where bucket_id = '${bucket.id}'`;
  await assertSqlRefused(statement, "42501");
  await assertSqlRefused(`delete from storage.buckets where id = '${bucket.id}'`, "42501");
  await sqlOf().begin(async (sql) => {
    await sql`select set_config('storage.allow_delete_query', 'true', true)`;
    await sql.unsafe(statement);
  });
  assert.equal(await bucket.row("a"), undefined);
  await assertSqlRefused(statement, "42501");
});

bucketTest(
  "tables: updated_at is the transaction's start, not its commit",
  { needs: ["sql"] },
  async (bucket) => {
    await bucket.insertRow("first");
    await bucket.insertRow("second");
    await sqlOf().begin(async (outer) => {
      await outer`select now()`;
      await sqlOf()`update storage.objects set metadata = '{}' where name = 'second'
        and bucket_id = ${bucket.id}`;
      await outer`update storage.objects set metadata = '{}' where name = 'first'
        and bucket_id = ${bucket.id}`;
    });
    // The first transaction commits last and has the earlier time.
    const [first, second] = [await bucket.row("first"), await bucket.row("second")];
    assert(first && second && first.updated_at < second.updated_at);
  },
);

bucketTest(
  "tables: postgres only reads and patches rows",
  { needs: ["sql"] },
  async (bucket) => {
    await bucket.put("a");
    const sql = sqlOf();
    await sql`
      update storage.objects
      set owner_id = 'someone', created_at = '2020-01-01Z', user_metadata = '{"k": 1}'
      where bucket_id = ${bucket.id}`;
    const row = await bucket.row("a");
    assert.equal(row?.owner_id, "someone");
    assert.match(row?.created_at ?? "", /^2020-01-01/);
    assert.deepEqual(row?.user_metadata, { k: 1 });
    await assertSqlRefused("create index on storage.objects (updated_at)", "42501");
    await assertSqlRefused("alter table storage.objects add column x text", "42501");
    const [role] = await sql`
      select rolsuper, rolbypassrls from pg_roles where rolname = current_user`;
    assert.deepEqual({ ...role }, { rolsuper: false, rolbypassrls: true });
  },
);

bucketTest(
  "tables: updated_at can be set under session_replication_role",
  { needs: ["sql"] },
  async (bucket) => {
    await bucket.put("a");
    const set = "update storage.objects set updated_at = '2020-01-01Z' where bucket_id = $1";
    await sqlOf().unsafe(set, [bucket.id]);
    assert.doesNotMatch((await bucket.row("a"))?.updated_at ?? "", /^2020/);
    await sqlOf().begin(async (sql) => {
      await sql`set local session_replication_role = 'replica'`;
      await sql.unsafe(set, [bucket.id]);
    });
    assert.match((await bucket.row("a"))?.updated_at ?? "", /^2020-01-01/);
  },
);

bucketTest(
  "tables: a role that does not bypass row level security sees no row",
  { needs: ["sql"] },
  async (bucket) => {
    await bucket.put("a");
    const seen = await sqlOf().begin(async (sql) => {
      await sql`set local role authenticated`;
      return await sql`select from storage.objects where bucket_id = ${bucket.id}`;
    });
    assert.equal(seen.length, 0);
  },
);

bucketTest(
  "tables: path_tokens are generated from the name",
  { needs: ["sql"] },
  async (bucket) => {
    await bucket.insertRow("a//b/c");
    const [row] = await sqlOf()`
      select path_tokens from storage.objects where bucket_id = ${bucket.id}`;
    assert.deepEqual(row.path_tokens, ["a", "", "b", "c"]);
  },
);

bucketTest("tables: a very old row has no version", { needs: ["sql"] }, async (bucket) => {
  await bucket.insertRow("a", null);
  assert.equal((await bucket.info("a")).version, null);
});
