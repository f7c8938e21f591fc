import { connect, type Connection } from "./connection.ts";

/** The rows of a database at one moment, for restoring them. */
export interface KeptState extends AsyncDisposable {
  /**
   * Restores the rows and sequences of every table, in 1 to 5 ms. If the schema has changed, it
   * restores nothing and returns false, and the database must be dropped.
   */
  restore(): Promise<boolean>;
}

/**
 * Saves the current rows of a database, and keeps a connection for restoring them. It includes
 * every table and sequence except the system's.
 *
 * @param adminUrl connects as a superuser, which bypasses row level security and triggers
 */
export async function keepState(adminUrl: string): Promise<KeptState> {
  const sql = connect(adminUrl, { connection: { application_name: "kept state" } });
  try {
    const schema = await schemaOf(sql);
    const text = await restoringText(sql);
    return {
      async restore() {
        if (await schemaOf(sql) !== schema) return false;
        await sql.unsafe(text).simple();
        return true;
      },
      [Symbol.asyncDispose]: () => sql[Symbol.asyncDispose](),
    };
  } catch (error) {
    await sql[Symbol.asyncDispose]();
    throw error;
  }
}

/** A fingerprint of the schema. It changes with every definition, but not with rows. */
async function schemaOf(sql: Connection): Promise<string> {
  // Every definition change rewrites rows of these catalogs. Vacuum and analyze do not.
  const catalogs = [
    "pg_namespace",
    "pg_class",
    "pg_attribute",
    "pg_attrdef",
    "pg_proc",
    "pg_constraint",
    "pg_trigger",
    "pg_policy",
    "pg_rewrite",
    "pg_db_role_setting",
    "pg_default_acl",
    "pg_auth_members",
  ];
  const parts = catalogs.map((catalog) =>
    `(select concat_ws('/', count(*), sum(hashtext(xmin::text)::bigint)) from ${catalog})`
  );
  const [row] = await sql.unsafe(`select concat_ws(' ', ${parts.join(", ")}) as text`);
  return row!["text"];
}

const OF_USERS = `n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname not like 'pg\\_toast%' and n.nspname not like 'pg\\_temp%'`;

/** The statements that restore the current rows in one transaction. */
async function restoringText(sql: Connection): Promise<string> {
  const tables = await sql.unsafe<{ name: string; columns: string[] }[]>(`
    select format('%I.%I', n.nspname, c.relname) as name,
      array(select quote_ident(a.attname) from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        order by a.attnum) as columns
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and ${OF_USERS} order by 1`);
  const deletes: string[] = [];
  const inserts: string[] = [];
  for (const { name, columns } of tables) {
    deletes.push(`delete from ${name};`);
    // Values are saved as texts: otherwise jsonb's null would be restored as SQL's null.
    const values = columns.map((column) => `quote_nullable(${column}::text)`).join(", ");
    const [row] = await sql.unsafe(
      `select string_agg(format('(%s)', concat_ws(', ', ${values})), ', ') as rows from ${name}`,
    );
    if (row!["rows"] === null) continue;
    inserts.push(
      `insert into ${name} (${columns.join(", ")}) overriding system value values ${row!["rows"]};`,
    );
  }
  const sequences = await sql.unsafe<{ text: string }[]>(`
    select format('select setval(%L, %s, %L);', format('%I.%I', schemaname, sequencename),
      coalesce(last_value, start_value), last_value is not null) as text
    from pg_sequences`);
  return [
    "begin;",
    "set local session_replication_role = replica;",
    ...deletes,
    ...inserts,
    ...sequences.map(({ text }) => text),
    "commit;",
  ].join("\n");
}
