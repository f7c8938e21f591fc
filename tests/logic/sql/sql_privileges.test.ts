import assert from "node:assert/strict";
import type { Connection } from "../../../stack/postgres/connection.ts";
import { migrate, raised, type SqlProject, sqlTest } from "./support/project.ts";
import { functionsCalled } from "./support/called_functions.ts";

/** The roles of PostgREST, GraphQL and Realtime. Their privileges are those of the REST API. */
const API_ROLES = ["anon", "authenticated", "service_role"];
const DENIED = "42501";
const FOLDER = new URL("../../../supabase/", import.meta.url);

/** An object in Holdfast's schemas, with a statement that uses it. */
interface Thing {
  name: string;
  use: string;
}

/** All objects in the schemas, from Postgres's catalog. */
async function everything(sql: Connection): Promise<Thing[]> {
  return await sql<Thing[]>`
    select c.oid::regclass::text as name, format('select from %s', c.oid::regclass) as use
    from pg_class c
    where c.relnamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace) and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select p.oid::regprocedure::text, format('select %s.%I(%s)', p.pronamespace::regnamespace, p.proname, (
      select string_agg(format('null::%s', format_type(t, null)), ', ' order by place)
      from unnest(p.proargtypes) with ordinality as a (t, place)))
    from pg_proc p where p.pronamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace)
    union all
    select t.oid::regtype::text, format('select null::%s.%I', t.typnamespace::regnamespace, t.typname)
    from pg_type t
    where t.typnamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace) and t.typtype in ('d', 'e', 'c')
      and not exists (select from pg_class c where c.oid = t.typrelid and c.relkind <> 'c')`;
}

async function assertOutOfReach(owner: Connection, things: readonly Thing[]): Promise<void> {
  for (const role of API_ROLES) {
    await owner.unsafe(`set role ${role}`);
    try {
      for (const { name, use } of things) {
        const { code, message } = await raised(owner.unsafe(use));
        assert.equal(code, DENIED, `${role} and ${name}`);
        assert.match(message, /^permission denied for schema holdfast(_private)?$/);
      }
    } finally {
      await owner.unsafe("reset role");
    }
  }
}

sqlTest(
  "the API roles have no access to the schemas, according to Postgres's catalog",
  async (project) => {
    const things = await everything(project.owner);
    assert.ok(things.length > 150, `${things.length} were found`);
    await assertOutOfReach(project.owner, things);
  },
);

sqlTest(
  "the API roles have no access in a project with default grants on everything",
  async ({ owner }) => {
    const all = API_ROLES.join(", ");
    for (const kind of ["tables", "sequences", "functions", "types", "schemas"]) {
      await owner.unsafe(`alter default privileges grant all on ${kind} to ${all}`);
    }
    await migrate(owner);
    await owner.unsafe(`
    create table holdfast.later (id bigint generated always as identity);
    create view holdfast.later_view as select * from holdfast_private.settings;
    create function holdfast.later_function() returns text language sql return 'later';
    create table holdfast_private.later (id bigint generated always as identity);
    create view holdfast_private.later_view as select * from holdfast_private.settings;
    create function holdfast_private.later_function() returns text language sql return 'later';`)
      .simple();
    await assertOutOfReach(owner, await everything(owner));
  },
  { unmigrated: true },
);

sqlTest("the worker cannot read objects created later", async ({ owner, worker }) => {
  for (const schema of ["holdfast", "holdfast_private"]) {
    await owner.unsafe(`
      create table ${schema}.later (id bigint generated always as identity);
      create view ${schema}.later_view as select * from holdfast_private.settings;
      create function ${schema}.later_function() returns setof holdfast_private.settings language sql
        begin atomic select * from holdfast_private.settings; end;`).simple();
    for (const use of ["from later", "from later_view", "from later_function()"]) {
      const statement = `select ${use.replace("later", `${schema}.later`)}`;
      assert.equal((await raised(worker.unsafe(statement))).code, DENIED, statement);
    }
  }
});

Deno.test("the schema is not exposed through the API", async () => {
  const config = await Deno.readTextFile(new URL("config.toml", FOLDER));
  assert.doesNotMatch(config, /^\s*\[api\]|^\s*schemas\s*=/m);
});

sqlTest("the worker may call exactly the functions that the code calls", async ({ owner }) => {
  const granted = await owner<{ name: string }[]>`
    select distinct proname as name from pg_proc
    where pronamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace)
      and has_function_privilege('holdfast_worker', oid, 'execute') order by 1`;
  const called = await functionsCalled(new URL("functions/", FOLDER));
  assert.deepEqual(granted.map(({ name }) => name), called);
});

sqlTest(
  "the worker is a member of no role, and no role is a member of the worker",
  async ({ owner }) => {
    const [role] = await owner`
    select rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls
    from pg_roles where rolname = 'holdfast_worker'`;
    assert.deepEqual(Object.values(role!).filter((may) => may), []);
    const roles = await owner<{ member: string; of: string }[]>`
    select distinct member::regrole::text, roleid::regrole::text as of from pg_auth_members
    where 'holdfast_worker'::regrole in (member, roleid)`;
    assert.deepEqual(roles.map(({ member, of }) => [member, of]), [[
      "postgres",
      "holdfast_worker",
    ]]);
  },
);

sqlTest("the worker owns nothing and creates nothing permanent", async ({ owner }) => {
  const owned = await owner`
    select classid::regclass, objid from pg_shdepend
    where refobjid = 'holdfast_worker'::regrole and deptype = 'o'`;
  assert.deepEqual([...owned], []);
  const open = await owner`
    select nspname from pg_namespace
    where has_schema_privilege('holdfast_worker', oid, 'create') and nspname !~ '^pg_temp'`;
  assert.deepEqual([...open], []);
});

sqlTest("the worker reads only relations that every role may read", async (project) => {
  const { owner, worker } = project;
  const readable: string[] = [];
  for (const name of await allRelations(project)) {
    const statement = worker.unsafe(`select from ${name} limit 1`);
    if (await statement.then(() => true, () => false)) readable.push(name);
  }
  await owner`create role nobody_at_all nologin`;
  const [{ everybody }] = await owner`
    select coalesce(array_agg(name), '{}') as everybody from unnest(${readable}::text[]) name
    where has_table_privilege('nobody_at_all', name, 'select')
      and has_schema_privilege('nobody_at_all', split_part(name, '.', 1), 'usage')`;
  assert.deepEqual(readable, everybody);
  assert.deepEqual(readable.filter((name) => !/^(net|extensions)\./.test(name)), []);
}, { ownServer: true });

sqlTest(
  "security definer functions ignore the caller's search path",
  async ({ owner }) => {
    const loose = await owner`
    select oid::regprocedure::text as name from pg_proc
    where pronamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace) and prosecdef
      and not coalesce('search_path=""' = any (proconfig), false)`;
    assert.deepEqual([...loose], []);
  },
);

/** All relations of the database outside Postgres's own schemas. */
async function allRelations({ owner }: SqlProject): Promise<string[]> {
  const rows = await owner<{ name: string }[]>`
    select format('%I.%I', relnamespace::regnamespace::text, relname) as name from pg_class
    where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      and relnamespace::regnamespace::text !~ '^(pg_|information_schema)' order by 1`;
  assert.ok(rows.length > 40);
  return rows.map(({ name }) => name);
}
