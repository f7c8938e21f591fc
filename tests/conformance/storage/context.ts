import postgres from "postgres";
import { STACK_URL_VARIABLE, StackClient } from "../../../stack/client.ts";
import { startPostgres } from "../../../stack/postgres/cluster.ts";
import { createWorkspace, type Workspace } from "../../../stack/process/workspace.ts";
import { signToken, startStorage, type StorageServer } from "../../../stack/storage/mod.ts";

/** The Storage under test and what else is known of its project. */
export interface Project {
  /** The project's URL; the API lies at `/storage/v1` below it. */
  readonly url: string;
  /** A key for everything: a token of `service_role`, or a secret key where a gateway takes one. */
  readonly serviceKey: string;
  /** The project's database as its role `postgres`; absent where only HTTP is given. */
  readonly sql: postgres.Sql | undefined;
  /** What its users' tokens are signed with; absent where that is not given. */
  readonly jwtSecret: string | undefined;
  /** The server itself, where it is the stand-in. */
  readonly standIn: StorageServer | undefined;
  readonly stop: () => Promise<void>;
}

const environment = (name: string) => Deno.env.get(`HOLDFAST_TEST_STORAGE_${name}`) || undefined;

/**
 * A project given by the environment, hosted, self-hosted or local:
 *
 * - HOLDFAST_TEST_STORAGE_URL: its URL, without `/storage/v1`
 * - HOLDFAST_TEST_STORAGE_KEY: its service or secret key
 * - HOLDFAST_TEST_STORAGE_DB_URL (optional): its database, as `postgres`
 * - HOLDFAST_TEST_STORAGE_JWT_SECRET (optional): to sign tokens of users
 *
 * Tests that need what is not given are skipped. They use buckets of their own, which they remove.
 */
async function givenProject(url: string): Promise<Project> {
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

/** The stand-in, in this process, on a database of its own. */
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

/** A project's database: of the running stack where there is one, else of a server of our own. */
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

/** Connects before the first test: else it would seem to leave the connections behind. */
async function openDatabase(url: string): Promise<postgres.Sql> {
  const sql = postgres(url, { max: 2, onnotice: () => {} });
  await Promise.all([sql`select pg_sleep(0.02)`, sql`select pg_sleep(0.02)`]);
  return sql;
}

const url = environment("URL");

/** The project that all tests of a file share. */
export const project: Project = url ? await givenProject(url) : await startedProject();

Deno.test.afterAll(project.stop);
