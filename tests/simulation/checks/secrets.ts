import { gunzipSync } from "node:zlib";
import { InvariantViolation } from "../invariants.ts";
import type { SimulatedProject } from "../environment/project.ts";
import type { Servers } from "../environment/servers.ts";

/** The parts of a project that are searched, and its secrets. */
export type Searched = Pick<
  SimulatedProject,
  "secretKey" | "keys" | "settings" | "sql" | "reader" | "bucket"
>;

/**
 * Searches for every secret in everything that a project's functions wrote: rows, logs, the
 * repository.
 */
export async function assertNoSecrets(
  servers: Pick<Servers, "credentials">,
  project: Searched,
  log: readonly string[],
): Promise<void> {
  const secrets = [
    servers.credentials.secretAccessKey,
    servers.credentials.accessKeyId,
    project.secretKey,
    project.keys.serviceRoleKey,
    new URL(project.settings.databaseUrl).password,
    ...await workerKeys(project),
  ];
  const look = (where: string, text: string) => {
    if (secrets.some((secret) => text.includes(secret))) {
      throw new InvariantViolation("no_secret", `a secret is in ${where}`);
    }
  };
  for (const line of log) look("the log", line);
  for (const table of [...await tablesOf(project), ...EXTENSION_TABLES]) {
    const [row] = await project.sql.unsafe(
      `select coalesce(string_agg(t::text, ' '), '') as text from ${table} t`,
    );
    look(table, String(row?.text));
  }
  for (const key of await project.reader.keys()) {
    if (key.startsWith("data/")) continue;
    const bytes = await project.bucket.get(`${project.reader.prefix}/${key}`);
    if (bytes) look(key, new TextDecoder().decode(key.endsWith(".gz") ? gunzipSync(bytes) : bytes));
  }
}

/** Tables of pg_net and pg_cron; not the queue, whose posts contain the worker key. */
const EXTENSION_TABLES = ["net._http_response", "cron.job", "cron.job_run_details"];

async function workerKeys({ sql }: Searched): Promise<string[]> {
  const rows = await sql<{ secret: string }[]>`
    select decrypted_secret as secret from vault.decrypted_secrets
    where name = 'holdfast_worker_key'`;
  return rows.map(({ secret }) => secret);
}

async function tablesOf({ sql }: Searched): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select relnamespace::regnamespace || '.' || relname as name from pg_class
    where relnamespace in ('holdfast'::regnamespace, 'holdfast_private'::regnamespace) and relkind = 'r'`;
  return rows.map(({ name }) => name);
}
