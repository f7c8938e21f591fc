import { join } from "node:path";
import { applyMigrations } from "../../stack/migrations.ts";
import { connect, type Connection } from "../../stack/postgres/connection.ts";
import { startPostgres } from "../../stack/postgres/cluster.ts";
import { createWorkspace } from "../../stack/process/workspace.ts";
import type { Check } from "./check.ts";

/**
 * Applies the migrations as in a Supabase project, and checks the result in PostgreSQL's catalog.
 */
export const migratedDatabaseCheck: Check = {
  name: "migrated database: all in Holdfast's schemas, commented, safe search_path",
  async run({ path }) {
    await using workspace = await createWorkspace();
    await using postgres = await startPostgres({ workspace });
    const { databaseUrl, adminUrl } = await postgres.createProjectDatabase("check");
    return await inspectMigrations(databaseUrl, adminUrl, join(path, "supabase/migrations"));
  },
};

/**
 * Applies a folder of migrations to a project's empty database, and finds faults in the created
 * objects.
 *
 * @param adminUrl connects as superuser, so that no missing privilege hides an object
 */
export async function inspectMigrations(
  databaseUrl: string,
  adminUrl: string,
  folder: string,
): Promise<string[]> {
  await using sql = connect(adminUrl);
  const before = new Set(await objectsOutsideHoldfast(sql));
  await applyMigrations(databaseUrl, folder);
  const addedOutside = (await objectsOutsideHoldfast(sql)).filter((name) => !before.has(name));
  return [
    ...addedOutside.map((name) => `${name} is in neither schema holdfast nor holdfast_private`),
    ...(await findUncommented(sql)).map((name) => `${name} has no comment (comment on … is '…')`),
    ...(await findUnsafe(sql)).map((name) => `${name}: security definer without search_path = ''`),
  ];
}

async function objectsOutsideHoldfast(sql: Connection): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select pg_describe_object('pg_class'::regclass, c.oid, 0) as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname !~ '^(pg_toast|pg_temp|holdfast$|holdfast_private$)'
    union all
    select pg_describe_object('pg_proc'::regclass, p.oid, 0)
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname not in ('holdfast', 'holdfast_private')
    union all
    select pg_describe_object('pg_trigger'::regclass, t.oid, 0)
    from pg_trigger t join pg_class c on c.oid = t.tgrelid
      join pg_namespace n on n.oid = c.relnamespace where n.nspname not in ('holdfast', 'holdfast_private')`;
  return rows.map((row) => row.name);
}

async function findUncommented(sql: Connection): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    with shipped as (
      select 'pg_class'::regclass as catalog, c.oid, 0 as part
      from pg_class c where c.relnamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace) and c.relkind in ('r', 'v', 'm', 'p')
      union all
      select 'pg_class'::regclass, c.oid, a.attnum
      from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace) and c.relkind in ('r', 'p')
        and a.attnum > 0 and not a.attisdropped
      union all
      select 'pg_proc'::regclass, p.oid, 0
      from pg_proc p where p.pronamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace)
      union all
      select 'pg_namespace'::regclass, n.oid, 0 from pg_namespace n where n.nspname in ('holdfast', 'holdfast_private')
    )
    select pg_describe_object(s.catalog, s.oid, s.part) as name
    from shipped s
    left join pg_description d
      on d.classoid = s.catalog and d.objoid = s.oid and d.objsubid = s.part
    where coalesce(d.description, '') = ''
    order by name`;
  return rows.map((row) => row.name);
}

async function findUnsafe(sql: Connection): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select pg_describe_object('pg_proc'::regclass, p.oid, 0) as name
    from pg_proc p
    where p.pronamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace) and p.prosecdef
      and not coalesce('search_path=""' = any (p.proconfig), false)
    order by name`;
  return rows.map((row) => row.name);
}
