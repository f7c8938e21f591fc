import { join } from "node:path";
import { connect } from "./postgres/connection.ts";

/** A file of SQL that is applied once to a database. */
export interface Migration {
  /** The 14 digits that the file's name begins with. */
  version: string;
  /** What follows them, without `.sql`. */
  name: string;
  sql: string;
}

/** The migrations of a folder in their order; files of another form are passed over, as by the CLI. */
export async function readMigrations(directory: string): Promise<Migration[]> {
  const migrations: Migration[] = [];
  for await (const entry of Deno.readDir(directory)) {
    const match = entry.name.match(/^(\d{14})_(.*)\.sql$/);
    if (match === null) continue;
    const sql = await Deno.readTextFile(join(directory, entry.name));
    migrations.push({ version: match[1]!, name: match[2]!, sql });
  }
  return migrations.sort((one, other) => one.version < other.version ? -1 : 1);
}

/**
 * Applies the migrations that the database does not have yet, each in a transaction of its own that
 * also records it, as `supabase db push` does.
 *
 * @throws the error of PostgreSQL, and leaves the migrations before it applied
 */
export async function applyMigrations(databaseUrl: string, directory: string): Promise<void> {
  const migrations = await readMigrations(directory);
  await using sql = connect(databaseUrl);
  const applied = await sql<{ version: string }[]>`
    select version from supabase_migrations.schema_migrations`;
  const known = new Set(applied.map((row) => row.version));
  for (const { version, name, sql: text } of migrations) {
    if (known.has(version)) continue;
    await sql.begin(async (transaction) => {
      await transaction.unsafe(text).simple();
      // A migration may have set a search path or a role; the record is not to depend on it.
      await transaction.unsafe("reset all").simple();
      await transaction`
        insert into supabase_migrations.schema_migrations (version, name, statements)
        values (${version}, ${name}, ${[text]})`;
    });
  }
}

/**
 * Runs a text of SQL, of any number of statements, in one transaction. Returns the rows of the last.
 *
 * @throws the error of PostgreSQL
 */
export async function runSql(databaseUrl: string, text: string): Promise<SqlRow[]> {
  await using sql = connect(databaseUrl);
  const results = await sql.unsafe(text).simple();
  // Of several statements there are several results, of one just its rows.
  const last: unknown = results.at(-1);
  return (Array.isArray(last) ? [...last] : [...results]) as SqlRow[];
}

/** A row by the names of its columns. */
export type SqlRow = Record<string, unknown>;
