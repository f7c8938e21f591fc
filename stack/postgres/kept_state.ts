import { connect, type Connection } from "./connection.ts";

/** The rows that a database had at one moment, to be put back. */
export interface KeptState extends AsyncDisposable {
  /**
   * Puts back the rows and the sequences of every table: 1 to 5 ms. False where the schema is not
   * what it was: nothing is put back then, and the database is of no further use.
   */
  restore(): Promise<boolean>;
}

/**
 * Keeps the rows that a database has now, and a connection to put them back by. Sees every table
 * and sequence but those of the system.
 *
 * @param adminUrl as a superuser: row level security and triggers have no say
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

/** Changes with every definition that is made, changed or dropped; rows do not change it. */
async function schemaOf(sql: Connection): Promise<string> {
  // Their rows are written anew by every such change; vacuum and analyze change pg_class in place.
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

/** The statements that put back what is there now, as one transaction. */
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
    // As texts: jsonb's own null would come back as no value.
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
