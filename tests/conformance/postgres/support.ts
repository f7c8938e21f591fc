import assert from "node:assert/strict";
import postgres from "postgres";
import { STACK_URL_VARIABLE, StackClient } from "../../../stack/client.ts";
import {
  type PostgresCluster,
  type ProjectDatabase,
  startPostgres,
} from "../../../stack/postgres/cluster.ts";
import { connect, type Connection } from "../../../stack/postgres/connection.ts";
import { createWorkspace } from "../../../stack/process/workspace.ts";

/** The URL of a project's database, role `postgres`, to test instead of the stack's. */
export const DATABASE_URL_VARIABLE = "HOLDFAST_CONFORMANCE_DATABASE_URL";

/** The database under test. */
export interface Subject extends AsyncDisposable {
  /** One connection as the role `postgres`. */
  sql: Connection;
  databaseUrl: string;
  /** Whether the database is the embedded stack's, not one that the environment names. */
  embedded: boolean;
}

/** A subject that may have a server of its own. */
export interface ServerSubject extends Subject {
  /** Only for an embedded server: a superuser's URL, and the server itself. */
  stack?: { database: ProjectDatabase; cluster: PostgresCluster };
}

/** Opens the database of the environment, else one of the running stack, else a new one. */
export async function openSubject(): Promise<Subject> {
  const stackUrl = Deno.env.get(STACK_URL_VARIABLE);
  if (!stackUrl || Deno.env.get(DATABASE_URL_VARIABLE)) return await openServer();
  const parts = { functions: [], migrate: false, cron: false, net: false };
  const project = await new StackClient(stackUrl).createProject(parts);
  const sql = connect(project.info.databaseUrl);
  return {
    sql,
    databaseUrl: project.info.databaseUrl,
    embedded: true,
    async [Symbol.asyncDispose]() {
      await sql.end({ timeout: 5 });
      await project[Symbol.asyncDispose]();
    },
  };
}

/** Opens the database of the environment, else one of a new server. */
export async function openServer(): Promise<ServerSubject> {
  const given = Deno.env.get(DATABASE_URL_VARIABLE);
  if (given) {
    const sql = connect(given);
    const end = () => sql.end({ timeout: 5 });
    return { sql, databaseUrl: given, embedded: false, [Symbol.asyncDispose]: end };
  }
  const workspace = await createWorkspace();
  try {
    const cluster = await startPostgres({ workspace, cronDatabase: "project" });
    const database = await cluster.createProjectDatabase("project");
    const sql = connect(database.databaseUrl);
    return {
      sql,
      databaseUrl: database.databaseUrl,
      embedded: true,
      stack: { database, cluster },
      async [Symbol.asyncDispose]() {
        await sql.end({ timeout: 5 });
        await cluster.stop();
        await workspace.dispose();
      },
    };
  } catch (error) {
    await workspace.dispose();
    throw error;
  }
}

const rollback = new Error("rolled back on purpose");

/** Runs `body` in a transaction that is rolled back. */
export async function rolledBack(
  sql: Connection,
  body: (transaction: postgres.TransactionSql) => Promise<void>,
): Promise<void> {
  try {
    await sql.begin(async (transaction) => {
      await body(transaction);
      throw rollback;
    });
  } catch (error) {
    if (error !== rollback) throw error;
  }
}

/** Asserts that a statement is refused with this SQLSTATE. The transaction continues. */
export async function assertRefused(
  transaction: postgres.TransactionSql,
  statement: string,
  code: string,
): Promise<postgres.PostgresError> {
  try {
    await transaction.savepoint((inner) => inner.unsafe(statement));
  } catch (error) {
    assert(error instanceof postgres.PostgresError, `${statement}: ${error}`);
    assert.equal(error.code, code, `${statement}: ${error.message}`);
    return error;
  }
  assert.fail(`not refused: ${statement}`);
}

/** Polls until `read` returns a value, for `seconds` at most. */
export async function eventually<T>(
  seconds: number,
  read: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  while (Date.now() < deadline) {
    const value = await read();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`nothing came within ${seconds} s`);
}
