import type postgres from "postgres";
import { connect, type Connection } from "../../../../stack/postgres/connection.ts";
import {
  type PostgresCluster,
  type ProjectDatabase,
  startPostgres,
} from "../../../../stack/postgres/cluster.ts";
import { createWorkspace, type Workspace } from "../../../../stack/process/workspace.ts";

/** A project's database with Holdfast's migrations, for tests of its SQL. No other service runs. */
export interface SqlProject {
  /** The role `postgres`, which owns Holdfast's functions. */
  readonly owner: Connection;
  /** The role `holdfast_worker`, which the functions' connections use. */
  readonly worker: Connection;
  /** The superuser. */
  readonly admin: Connection;
  /** One more connection as `holdfast_worker`, closed at the end of the test. */
  connectWorker(): Promise<Connection>;
}

/** Options of a test's database that differ from the defaults. */
export interface SqlTestOptions {
  /** Without Holdfast's migrations. */
  unmigrated?: boolean;
  /** The extensions to leave out. Default: none. */
  without?: ("cron" | "net" | "vault")[];
}

const MIGRATIONS = new URL("../../../../supabase/migrations/", import.meta.url);

let workspace: Workspace | undefined;
let cluster: PostgresCluster | undefined;
/** The migrated database that most tests clone. */
let migrated: Promise<ProjectDatabase> | undefined;
let databases = 0;

/** A test with its own database. The server starts once for all tests of a file. */
export function sqlTest(
  name: string,
  body: (project: SqlProject) => Promise<void>,
  options: SqlTestOptions = {},
): void {
  if (databases++ === 0) registerServer();
  const database = `project_${databases}`;
  Deno.test(name, async () => {
    if (!cluster) throw new Error("the server is not up");
    const made = await createDatabase(cluster, database, options);
    await using admin = connect(made.adminUrl);
    // Otherwise the server writes messages during a test, which the sanitizer reports as a leak.
    await admin.unsafe(`alter database ${database} set log_min_messages = panic`);
    const owner = connect(made.databaseUrl);
    const workers: Connection[] = [];
    const connectWorker = async () => {
      const worker = connect(made.databaseUrl);
      workers.push(worker);
      await worker`set role holdfast_worker`;
      return worker;
    };
    try {
      const worker = options.unmigrated ? owner : await connectWorker();
      await body({ owner, worker, admin, connectWorker });
    } finally {
      await Promise.all([owner, ...workers].map((connection) => connection.end({ timeout: 5 })));
    }
  });
}

/** The database of a test. A clone takes a third of the migrations' time. */
async function createDatabase(
  cluster: PostgresCluster,
  name: string,
  options: SqlTestOptions,
): Promise<Pick<ProjectDatabase, "adminUrl" | "databaseUrl">> {
  if (options.unmigrated || options.without) {
    const made = await cluster.createProjectDatabase(name, {
      cron: !options.without?.includes("cron"),
      net: !options.without?.includes("net"),
      vault: !options.without?.includes("vault"),
    });
    if (!options.unmigrated) await migrateDatabase(made);
    return made;
  }
  migrated ??= cluster.createProjectDatabase("migrated").then(migrateDatabase);
  const template = await migrated;
  await using sql = connect(cluster.adminUrl("postgres"));
  await sql`create database ${sql(name)} template ${sql(template.name)} owner postgres`;
  const databaseUrl = new URL(template.databaseUrl);
  databaseUrl.pathname = name;
  return { adminUrl: cluster.adminUrl(name), databaseUrl: databaseUrl.href };
}

async function migrateDatabase(database: ProjectDatabase): Promise<ProjectDatabase> {
  await using owner = connect(database.databaseUrl);
  await migrate(owner);
  return database;
}

/** Applies Holdfast's migrations in order, each in one transaction, as `supabase db push` does. */
export async function migrate(owner: postgres.Sql): Promise<void> {
  const names = [...Deno.readDirSync(MIGRATIONS)].map((entry) => entry.name).sort();
  for (const name of names) {
    await owner.unsafe(await Deno.readTextFile(new URL(name, MIGRATIONS))).simple();
  }
}

/** The fields of an error that Holdfast's SQL raises. */
export interface RaisedError {
  code: string;
  message: string;
  detail?: string;
  hint?: string;
}

/** The error of a statement that must fail. */
export async function raised(statement: Promise<unknown>): Promise<RaisedError> {
  try {
    await statement;
  } catch (error) {
    return error as RaisedError;
  }
  throw new Error("nothing was raised");
}

function registerServer() {
  Deno.test.beforeAll(async () => {
    workspace = await createWorkspace();
    cluster = await startPostgres({ workspace, settings: { log_checkpoints: "off" } });
  });
  Deno.test.afterAll(async () => {
    await cluster?.stop();
    await workspace?.dispose();
  });
}
