import { join } from "node:path";
import { connect } from "./postgres/connection.ts";

/** A SQL file that is applied once to a database. */
export interface Migration {
  /** The 14 digits at the start of the file's name. */
  version: string;
  /** The rest of the file's name, without `.sql`. */
  name: string;
  sql: string;
}

/** The migrations of a folder in order. Files with other names are skipped, as the CLI does. */
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
 * Applies the missing migrations, as `supabase db push` does. Each runs in a separate transaction,
 * which also records it.
 *
 * @throws the error of PostgreSQL; earlier migrations stay applied
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
      // The migration may have set a search path or a role, which would break the insert below.
      await transaction.unsafe("reset all").simple();
      await transaction`
        insert into supabase_migrations.schema_migrations (version, name, statements)
        values (${version}, ${name}, ${[text]})`;
    });
  }
}

/**
 * Runs SQL statements in one transaction.
 *
 * @returns the rows of the last statement
 * @throws the error of PostgreSQL
 */
export async function runSql(databaseUrl: string, text: string): Promise<SqlRow[]> {
  await using sql = connect(databaseUrl);
  const results = await sql.unsafe(text).simple();
  // Several statements give a list of results, a single one gives its rows.
  const last: unknown = results.at(-1);
  return (Array.isArray(last) ? [...last] : [...results]) as SqlRow[];
}

/** A row: values by column name. */
export type SqlRow = Record<string, unknown>;
