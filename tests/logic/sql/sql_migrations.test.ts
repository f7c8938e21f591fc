import assert from "node:assert/strict";
import { migrate, raised, sqlTest } from "./support/project.ts";

sqlTest(
  "the migrations apply as the role postgres, which is not a superuser",
  async ({ owner }) => {
    const [role] = await owner`select current_user as name, rolsuper from pg_roles
    where rolname = current_user`;
    assert.deepEqual({ ...role }, { name: "postgres", rolsuper: false });
    const [{ others }] = await owner`
    select count(*)::int as others from pg_class
    where relnamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace) and relowner <> 'postgres'::regrole`;
    assert.equal(others, 0);
  },
);

sqlTest(
  "the migrations apply if another database of the cluster has the role already",
  async ({ owner }) => {
    const [{ there }] = await owner`
    select exists (select from pg_roles where rolname = 'holdfast_worker') as there`;
    assert.equal(there, true);
    await migrate(owner);
  },
  { unmigrated: true },
);

sqlTest("the migrations apply again after the schema was dropped", async ({ owner }) => {
  const key = () =>
    owner`select decrypted_secret from vault.decrypted_secrets
    where name = 'holdfast_worker_key'`;
  const [before] = await key();
  await owner.unsafe("drop schema holdfast, holdfast_private cascade");
  await migrate(owner);
  const [after, ...more] = await key();
  assert.notEqual(after.decrypted_secret, before.decrypted_secret);
  assert.deepEqual(more, []);
});

for (
  const [without, extension] of [
    ["cron", "pg_cron"],
    ["net", "pg_net"],
    ["vault", "supabase_vault"],
  ] as const
) {
  sqlTest(
    `without ${extension} the migrations create nothing and name the extension to enable`,
    async ({ owner }) => {
      const error = await raised(migrate(owner));
      assert.equal(error.code, "HF000");
      assert.match(error.message, new RegExp(`not enabled: ${extension}$`));
      assert.match(error.hint ?? "", new RegExp(`create extension if not exists ${extension} `));
      const [{ made }] = await owner`
      select coalesce(to_regnamespace('holdfast'), to_regnamespace('holdfast_private')) is not null as made`;
      assert.equal(made, false);
    },
    { unmigrated: true, without: [without] },
  );
}

sqlTest("every shipped database object has a description", async ({ owner }) => {
  const undocumented = await owner<{ what: string }[]>`
    select oid::regclass::text as what from pg_class
      where relnamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace) and relkind in ('r', 'v')
        and obj_description(oid, 'pg_class') is null
    union all
    select attrelid::regclass || '.' || attname from pg_attribute
      where attrelid in (select oid from pg_class
          where relnamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace) and relkind = 'r')
        and attnum > 0 and not attisdropped and col_description(attrelid, attnum) is null
    union all
    select oid::regprocedure::text from pg_proc
      where pronamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace) and obj_description(oid, 'pg_proc') is null
    union all
    select oid::regtype::text from pg_type
      where typnamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace) and typtype = 'c' and typrelid in (
        select oid from pg_class where relkind = 'c') and obj_description(oid, 'pg_type') is null`;
  assert.deepEqual(undocumented.map((row) => row.what), []);
});
