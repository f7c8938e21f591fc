import postgres from "postgres";
import { STACK_URL_VARIABLE, StackClient } from "../../../stack/client.ts";
import { startPostgres } from "../../../stack/postgres/cluster.ts";
import { createWorkspace, type Workspace } from "../../../stack/process/workspace.ts";
import { signToken, startStorage, type StorageServer } from "../../../stack/storage/mod.ts";

/** The Storage under test and its project. */
export interface Project {
  /** The project's URL; the API lies at `/storage/v1` below it. */
  readonly url: string;
  /** The service key: a token of `service_role`, or a secret key if the gateway accepts one. */
  readonly serviceKey: string;
  /** The project's database as its role `postgres`; absent if only HTTP is configured. */
  readonly sql: postgres.Sql | undefined;
  /** The secret that signs users' tokens; absent if it is not configured. */
  readonly jwtSecret: string | undefined;
  /** The server itself, if it is the stand-in. */
  readonly standIn: StorageServer | undefined;
  readonly stop: () => Promise<void>;
}

const environment = (name: string) => Deno.env.get(`HOLDFAST_TEST_STORAGE_${name}`) || undefined;

/**
 * A project that the environment configures, hosted, self-hosted or local:
 *
 * - HOLDFAST_TEST_STORAGE_URL: its URL, without `/storage/v1`
 * - HOLDFAST_TEST_STORAGE_KEY: its service or secret key
 * - HOLDFAST_TEST_STORAGE_DB_URL (optional): its database, as `postgres`
 * - HOLDFAST_TEST_STORAGE_JWT_SECRET (optional): to sign tokens of users
 *
 * Tests that need a missing setting are skipped. Each test creates and removes its own buckets.
 */
async function configuredProject(url: string): Promise<Project> {
  const serviceKey = environment("KEY");
  if (!serviceKey) throw new Error("HOLDFAST_TEST_STORAGE_KEY is missing");
  const databaseUrl = environment("DB_URL");
  const sql = databaseUrl ? await openDatabase(databaseUrl) : undefined;
  return {
    url: url.replace(/\/$/, ""),
    serviceKey,
    sql,
    jwtSecret: environment("JWT_SECRET"),
    standIn: undefined,
    stop: async () => await sql?.end(),
  };
}

/** The stand-in, in this process, with its own database. */
async function startedProject(): Promise<Project> {
  await using disposal = new AsyncDisposableStack();
  const workspace = disposal.use(await createWorkspace());
  const { databaseUrl, adminUrl } = await createDatabase(workspace, disposal);
  const jwtSecret = crypto.randomUUID();
  const directory = await workspace.makeFolder("storage");
  const standIn = disposal.use(await startStorage({ adminUrl, jwtSecret, directory }));
  const sql = await openDatabase(databaseUrl);
  disposal.defer(() => sql.end());
  const started = disposal.move();
  return {
    url: standIn.url,
    serviceKey: signToken({ role: "service_role" }, jwtSecret),
    sql,
    jwtSecret,
    standIn,
    stop: () => started.disposeAsync(),
  };
}

/** A project's database: of the running stack if there is one, else of a new server. */
async function createDatabase(
  workspace: Workspace,
  disposal: AsyncDisposableStack,
): Promise<{ databaseUrl: string; adminUrl: string }> {
  const stackUrl = Deno.env.get(STACK_URL_VARIABLE);
  if (!stackUrl) {
    const cluster = disposal.use(await startPostgres({ workspace }));
    return await cluster.createProjectDatabase("conformance", { cron: false });
  }
  const parts = { migrate: false, functions: [], cron: false, net: false, vault: false };
  const { info } = disposal.use(await new StackClient(stackUrl).createProject(parts));
  return { databaseUrl: info.databaseUrl, adminUrl: info.adminDatabaseUrl };
}

/** Connects before the first test, so that the sanitizer does not report the connections as leaked. */
async function openDatabase(url: string): Promise<postgres.Sql> {
  const sql = postgres(url, { max: 2, onnotice: () => {} });
  await Promise.all([sql`select pg_sleep(0.02)`, sql`select pg_sleep(0.02)`]);
  return sql;
}

const url = environment("URL");

/** The project that all tests of a file share. */
export const project: Project = url ? await configuredProject(url) : await startedProject();

Deno.test.afterAll(project.stop);
