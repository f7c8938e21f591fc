import { connect } from "./connection.ts";

/** Optional parts of a project's database. All are present by default. */
export interface ProjectDatabaseOptions {
  /** False: neither pg_cron nor its stand-in. */
  cron?: boolean;
  /** False: no stand-in for pg_net. */
  net?: boolean;
  /** False: no stand-in for Vault. */
  vault?: boolean;
}

type AdminUrl = (database: string) => string;

const TEMPLATE = "supabase_template";

/** The SQL files of the template, in order. roles.sql runs before them, once for the server. */
const TEMPLATE_FILES = [
  "schemas",
  "auth",
  "storage_tables",
  "storage_functions",
  "storage_triggers",
  "storage_privileges",
  "policy_grants",
  "vault",
  "cron",
  "net",
  "supabase_migrations",
];

/** Creates the roles, and the template database that projects' databases are cloned from. */
export async function prepareTemplate(
  adminUrl: AdminUrl,
  postgresPassword: string,
): Promise<{ majorVersion: number; offersPgCron: boolean }> {
  const { majorVersion, offersPgCron } = await prepareCluster(adminUrl, postgresPassword);
  {
    await using sql = connect(adminUrl(TEMPLATE));
    for (const name of TEMPLATE_FILES) await sql.unsafe(await readSql(name)).simple();
  }
  await using sql = connect(adminUrl("postgres"));
  // A database with connections can't be cloned.
  await sql`alter database ${sql(TEMPLATE)} is_template true allow_connections false`;
  return { majorVersion, offersPgCron };
}

async function prepareCluster(adminUrl: AdminUrl, postgresPassword: string) {
  await using sql = connect(adminUrl("postgres"));
  await sql.unsafe(await readSql("roles")).simple();
  // Utility statements take no parameters. The password has only hexadecimal digits.
  await sql.unsafe(`alter role postgres password '${postgresPassword}'`);
  await sql`create database ${sql(TEMPLATE)} owner postgres`;
  const [row] = await sql<{ majorVersion: number; offersPgCron: boolean }[]>`
    select
      current_setting('server_version_num')::int / 10000 as "majorVersion",
      exists (select from pg_available_extensions where name = 'pg_cron') as "offersPgCron"`;
  return row;
}

/** Clones the template and removes the parts that the options exclude. */
export async function cloneTemplate(
  adminUrl: AdminUrl,
  name: string,
  wanted: ProjectDatabaseOptions,
  cron: "pg_cron" | "stand-in" | "none",
): Promise<void> {
  {
    await using sql = connect(adminUrl("postgres"));
    await sql`create database ${sql(name)} template ${sql(TEMPLATE)} owner postgres`;
  }
  const unwanted: string[] = [];
  if (cron !== "stand-in") unwanted.push("cron");
  if (wanted.net === false) unwanted.push("net");
  if (wanted.vault === false) unwanted.push("vault");
  if (unwanted.length === 0) return;
  await using sql = connect(adminUrl(name));
  for (const schema of unwanted) await sql`drop schema ${sql(schema)} cascade`;
  if (cron === "pg_cron") await sql.unsafe(await readSql("pg_cron")).simple();
}

function readSql(name: string): Promise<string> {
  return Deno.readTextFile(new URL(`./sql/${name}.sql`, import.meta.url));
}
