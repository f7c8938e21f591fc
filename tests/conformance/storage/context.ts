import postgres from "postgres";
import { startPostgres } from "../../stack/postgres/cluster.ts";
import { createWorkspace } from "../../stack/process/workspace.ts";
import { signToken, startStorage, type StorageServer } from "../../stack/storage/mod.ts";

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

/** The stand-in on a Postgres of its own. */
async function startedProject(): Promise<Project> {
  const workspace = await createWorkspace();
  try {
    const cluster = await startPostgres({ workspace });
    const database = await cluster.createProjectDatabase("conformance", { cron: false });
    const jwtSecret = crypto.randomUUID();
    const standIn = await startStorage({
      adminUrl: database.adminUrl,
      jwtSecret,
      directory: await workspace.makeFolder("storage"),
    });
    const sql = await openDatabase(database.databaseUrl);
    return {
      url: standIn.url,
      serviceKey: signToken({ role: "service_role" }, jwtSecret),
      sql,
      jwtSecret,
      standIn,
      async stop() {
        await sql.end();
        await standIn.stop();
        await workspace.dispose();
      },
    };
  } catch (error) {
    await workspace.dispose();
    throw error;
  }
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
