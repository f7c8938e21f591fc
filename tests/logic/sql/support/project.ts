import type postgres from "postgres";
import { connect, type Connection } from "../../../../stack/postgres/connection.ts";
import { connectStack } from "../../../../stack/client.ts";
import { startPostgres } from "../../../../stack/postgres/cluster.ts";
import { createWorkspace } from "../../../../stack/process/workspace.ts";

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
  /** On a server of its own, for a test that changes the roles, which all databases share. */
  ownServer?: boolean;
}

const MIGRATIONS = new URL("../../../../supabase/migrations/", import.meta.url);

const stack = await connectStack();

/** A test with a database of its own, on the stack's server or on one of its own. */
export function sqlTest(
  name: string,
  body: (project: SqlProject) => Promise<void>,
  options: SqlTestOptions = {},
): void {
  Deno.test(name, async () => {
    await using made = options.ownServer ? await createOnOwnServer() : await createOnStack(options);
    await using admin = connect(made.adminUrl);
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

/** A database that is dropped at the end of the test. */
interface TestDatabase extends AsyncDisposable {
  readonly databaseUrl: string;
  readonly adminUrl: string;
}

async function createOnStack({ unmigrated, without }: SqlTestOptions): Promise<TestDatabase> {
  const { name, databaseUrl, adminUrl } = await stack.call("createDatabase", {
    migrate: !unmigrated,
    cron: !without?.includes("cron"),
    net: !without?.includes("net"),
    vault: !without?.includes("vault"),
  });
  const drop = () => stack.call("dropDatabase", { name }).then(() => undefined);
  return { databaseUrl, adminUrl, [Symbol.asyncDispose]: drop };
}

async function createOnOwnServer(): Promise<TestDatabase> {
  await using disposal = new AsyncDisposableStack();
  const workspace = await createWorkspace();
  disposal.defer(() => workspace.dispose());
  const cluster = disposal.use(
    await startPostgres({ workspace, settings: { log_checkpoints: "off" } }),
  );
  const { databaseUrl, adminUrl } = await cluster.createProjectDatabase("own");
  await using owner = connect(databaseUrl);
  await migrate(owner);
  // Its messages would be read in the middle of a test, which the sanitizer reports as a leak.
  await owner.unsafe("alter database own set log_min_messages = panic").catch(() => undefined);
  const moved = disposal.move();
  return { databaseUrl, adminUrl, [Symbol.asyncDispose]: () => moved.disposeAsync() };
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
