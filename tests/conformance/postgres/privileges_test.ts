import assert from "node:assert/strict";
import type postgres from "postgres";
import { connect } from "../../../stack/postgres/connection.ts";
import { assertRefused, openSubject, rolledBack } from "./support.ts";

const POLICY = "create policy everything on storage.objects for select using (true)";

Deno.test("privileges of the project's roles", async (t) => {
  await using subject = await openSubject();
  const { sql } = subject;

  await t.step("postgres is no superuser and bypasses row level security", async () => {
    const [row] = await sql`
      select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication
      from pg_roles where rolname = current_user`;
    assert.deepEqual({ ...row }, {
      rolsuper: false,
      rolbypassrls: true,
      rolcreaterole: true,
      rolcreatedb: true,
      rolreplication: true,
    });
  });

  await t.step(
    "postgres reads and writes every row, and grants it",
    () =>
      rolledBack(sql, async (tx) => {
        await addObject(tx);
        assert.equal((await tx`select from storage.objects where name = 'a'`).length, 1);
        await tx`update storage.buckets set file_size_limit = 1 where id = 'shelf'`;
        await tx`create role some_reader`;
        await tx`grant select on storage.objects, storage.buckets to some_reader`;
      }),
  );

  await t.step(
    "postgres changes neither tables nor indexes of storage",
    () =>
      rolledBack(sql, async (tx) => {
        const statements = [
          "create index on storage.objects (version)",
          "alter table storage.objects add column mine text",
          "alter table storage.objects disable row level security",
          "alter table storage.objects disable trigger all",
          "drop index storage.bucketid_objname",
          "drop table storage.objects",
          "create table storage.mine ()",
        ];
        for (const statement of statements) await assertRefused(tx, statement, "42501");
      }),
  );

  await t.step(
    "postgres only creates, alters and drops policies on storage",
    () =>
      rolledBack(sql, async (tx) => {
        await tx.unsafe(POLICY);
        await tx`alter policy everything on storage.objects using (false)`;
        await assertRefused(tx, "alter table storage.objects add column mine text", "42501");
        await tx`drop policy everything on storage.objects`;
        await assertRefused(tx, "set local role supabase_storage_admin", "42501");
        // A statement that fails midway also resets its temporary privileges.
        await assertRefused(tx, "create policy p on storage.objects using (nonsense)", "42703");
        await assertRefused(tx, "create index on storage.objects (version)", "42501");
      }),
  );

  await t.step(
    "a function owned by postgres creates policies for any role that may call it",
    () =>
      rolledBack(sql, async (tx) => {
        await tx`create schema mine`;
        await tx.unsafe(`create function mine.allow() returns void language plpgsql security definer
        set search_path = '' as $$ begin ${POLICY}; end $$`);
        await tx`grant usage on schema mine to authenticated`;
        await tx`set local role authenticated`;
        await assertRefused(tx, POLICY, "42501");
        await tx`select mine.allow()`;
      }),
  );

  await t.step(
    "postgres creates triggers on storage and drops them",
    () =>
      rolledBack(sql, async (tx) => {
        await tx`create schema mine`;
        await tx`create function mine.note() returns trigger language plpgsql set search_path = ''
        as ${tx.unsafe("$$ begin return new; end $$")}`;
        await tx`create trigger note after insert on storage.objects
        for each row execute function mine.note()`;
        await addObject(tx);
        await tx`drop trigger note on storage.objects`;
      }),
  );

  await t.step(
    "a plain role with select sees no row and gets no error",
    () =>
      rolledBack(sql, async (tx) => {
        await addObject(tx);
        await tx`create role plain_reader`;
        await tx`grant plain_reader to postgres`;
        await tx`grant usage on schema storage to plain_reader`;
        await tx`grant select on storage.objects, storage.buckets to plain_reader`;
        await tx`set local role plain_reader`;
        assert.equal((await tx`select from storage.objects`).length, 0);
        assert.equal((await tx`select from storage.buckets`).length, 0);
      }),
  );

  await t.step(
    "a function owned by postgres reads and patches rows for a role without rights",
    () =>
      rolledBack(sql, async (tx) => {
        await addObject(tx);
        await tx`create schema mine`;
        await tx.unsafe(`create function mine.patch() returns bigint language sql security definer
        set search_path = '' as $$
          with patched as (update storage.objects set owner_id = 'x' where name = 'a' returning 1)
          select count(*) from patched $$`);
        await tx`create role worker`;
        await tx`grant worker to postgres`;
        await tx`grant usage on schema mine to worker`;
        await tx`set local role worker`;
        await assertRefused(tx, "select from storage.objects", "42501");
        assert.equal((await tx`select mine.patch() as patched`)[0].patched, "1");
      }),
  );

  await t.step(
    "service_role sees all rows, anon and authenticated what policies show",
    () =>
      rolledBack(sql, async (tx) => {
        await addObject(tx);
        const seen = async (role: string) => {
          await tx`set local role ${tx(role)}`;
          const { length } = await tx`select from storage.objects where name = 'a'`;
          await tx`reset role`;
          return length;
        };
        assert.equal(await seen("service_role"), 1);
        assert.equal(await seen("authenticated"), 0);
        await tx`create policy mine on storage.objects for select to authenticated
        using (auth.uid() = 'a0000000-0000-0000-0000-000000000001')`;
        assert.equal(await seen("authenticated"), 0);
        await tx`select set_config('request.jwt.claims',
        '{"sub": "a0000000-0000-0000-0000-000000000001", "role": "authenticated"}', true)`;
        assert.equal(await seen("authenticated"), 1);
        assert.equal(await seen("anon"), 0);
      }),
  );

  await t.step(
    "postgres creates schemas and writes the history of migrations",
    () =>
      rolledBack(sql, async (tx) => {
        await tx`create schema another`;
        await tx`insert into supabase_migrations.schema_migrations (version, name, statements)
        values ('20990101000000', 'x', '{}')`;
      }),
  );

  if (!subject.embedded) return;

  await t.step("a connection needs the right password", async () => {
    await using wrong = connect(subject.databaseUrl.replace(/:\w+@/, ":wrong@"));
    await assert.rejects(wrong`select 1`, { code: "28P01" });
  });
});

async function addObject(tx: postgres.TransactionSql) {
  await tx`insert into storage.buckets (id, name) values ('shelf', 'shelf')`;
  await tx`insert into storage.objects (bucket_id, name) values ('shelf', 'a')`;
}
