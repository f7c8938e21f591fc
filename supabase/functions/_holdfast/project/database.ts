/** The project's Postgres: one connection an isolate, which only calls functions of holdfast_private. */
import postgres from "postgres";
import { HoldfastError, isErrorCode } from "../config/errors.ts";
import { parseExactly } from "../lib/codecs/json.ts";
import type { Database, Fence } from "../lib/database.ts";

/** Longest time of a statement: a window of 50,000 rows that is read from a cold disk. */
const STATEMENT_TIMEOUT_MS = 60_000;
const LOCK_TIMEOUT_MS = 10_000;
const IDLE_TRANSACTION_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_SECONDS = 10;
/**
 * Statements sent before the response of the previous one. If postgres.js 3.4.9 sends several at once
 * on Deno 2.1.4, it throws from a timer (denoland/deno#29262). That error can't be caught and ends
 * the isolate.
 */
const STATEMENTS_SENT_AHEAD = 0;
/** An idle connection would keep a finished isolate alive. */
const IDLE_TIMEOUT_SECONDS = 5;

/** Parses json and jsonb without rounding numbers, because values are also sent back to the database. */
const EXACT_JSON: postgres.PostgresType = {
  to: 3802,
  from: [114, 3802],
  serialize: (value: unknown) => JSON.stringify(value),
  parse: parseExactly,
};

/**
 * SQL functions that only read. A call is retried once if the connection ends during it, as an idle
 * connection does after a restart of the server. Every request starts with one of these calls.
 */
const READING: ReadonlySet<string> = new Set([
  "find_key",
  "all_settings",
  "known_repository",
  "repository_at",
  "snapshot_ids",
  "show_run",
  "list_runs",
  "list_snapshots",
]);

/**
 * Makes a database client with the role `holdfast_worker`. It connects at the first call.
 *
 * @param databaseUrl connection URL of Postgres
 */
export function connectDatabase(databaseUrl: string): Database {
  let sql = connect(databaseUrl);
  let retired: Promise<unknown> = Promise.resolve();
  let closed = false;

  /**
   * Makes further calls use a new connection. postgres.js 3.4.9 would reuse the old one before it
   * notices its end, and statements sent to it would never return. A connection that ended with
   * unsent data never sends again (porsager/postgres#1066 and #1154).
   */
  function retire(lost: postgres.Sql): void {
    if (lost !== sql || closed) return;
    sql = connect(databaseUrl);
    retired = Promise.all([retired, lost.end({ timeout: 0 })]);
  }

  async function callOnce<Result>(
    name: string,
    parameters: Record<string, unknown>,
    fence?: Fence,
  ): Promise<Result> {
    const { text, values } = fence
      ? fencedStatement(name, parameters, fence)
      : statement(name, parameters);
    const connection = sql;
    try {
      const rows = await connection.unsafe(text, values as postgres.ParameterOrJSON<never>[], {
        prepare: true,
      });
      if (fence) fence.committedAt = rows[0]?.committed_at ?? null;
      return rows[0]?.result as Result;
    } catch (error) {
      const typed = expected(error);
      if (isUnreachable(typed)) retire(connection);
      throw typed;
    }
  }

  return {
    async call<Result>(name: string, parameters: Record<string, unknown>, fence?: Fence) {
      try {
        return await callOnce<Result>(name, parameters, fence);
      } catch (error) {
        if (!isUnreachable(error) || !READING.has(name)) throw error;
        return await callOnce<Result>(name, parameters);
      }
    },
    async close() {
      closed = true;
      await Promise.all([retired, sql.end({ timeout: 5 })]);
    },
  };
}

/** Makes a client with one connection, which is opened at the first statement. */
function connect(databaseUrl: string): postgres.Sql {
  // The types of postgres.js lack the option `max_pipeline`.
  const options: ConnectOptions & { max_pipeline: number } = {
    max: 1,
    max_pipeline: STATEMENTS_SENT_AHEAD,
    idle_timeout: IDLE_TIMEOUT_SECONDS,
    connect_timeout: CONNECT_TIMEOUT_SECONDS,
    fetch_types: false,
    onnotice: () => {},
    types: { json: EXACT_JSON },
    connection: {
      application_name: "holdfast",
      // Set when the connection starts, so that no statement runs with the login role's rights.
      role: "holdfast_worker",
      statement_timeout: STATEMENT_TIMEOUT_MS,
      lock_timeout: LOCK_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_TRANSACTION_TIMEOUT_MS,
    },
  };
  return postgres(databaseUrl, options);
}

type ConnectOptions = postgres.Options<{ json: postgres.PostgresType }>;

function isUnreachable(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === "database_unreachable";
}

/** Makes the statement of a call. `before` is the number of parameters that precede its own. */
function statement(name: string, parameters: Record<string, unknown>, before = 0) {
  const names = Object.keys(parameters);
  const list = names.map((parameter, index) => `${parameter} => $${before + index + 1}`);
  const values = names.map((parameter) => parameters[parameter] ?? null);
  return { text: `select holdfast_private.${name}(${list.join(", ")}) as result`, values };
}

/** Makes a statement that checks the fence first. Its steps run in order, in one transaction. */
function fencedStatement(
  name: string,
  parameters: Record<string, unknown>,
  { cursor, committedAt }: Fence,
) {
  const { text, values } = statement(name, parameters, 2);
  return {
    text:
      "with expected as materialized (select holdfast_private.check_fencing_token($1, $2) as holds), " +
      `called as materialized (${text} from expected where holds) ` +
      "select result, holdfast_private.committed_at($1) as committed_at from called",
    values: [cursor, committedAt, ...values],
  };
}

/** SQLSTATEs of a database that accepts no writes: it is read-only or its disk is full. */
const READ_ONLY_STATES = new Set(["25006", "53100"]);
/** SQLSTATEs of a missing schema, function or role, or of a missing right to use the role. */
const NOT_INSTALLED_STATES = new Set(["3F000", "42883", "42704", "22023"]);
/** SQLSTATEs, their classes, and codes of postgres.js that mean that there is no connection. */
const CONNECTION =
  /^(08|28|3D|57P|53300|CONNECT|CONNECTION|ECONN|ENOTFOUND|EAI_|EHOST|ENET|EPIPE|ETIMEDOUT)/;

/** Whether an error is one of Postgres that is not converted to a HoldfastError. */
export function isOfDatabase(error: unknown): boolean {
  return error instanceof postgres.PostgresError;
}

/** Converts an expected error of Postgres to a HoldfastError. Other errors are returned unchanged. */
function expected(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code = "", detail, hint } = error as Partial<postgres.PostgresError>;
  if (code === "HF000" && isErrorCode(error.message)) {
    return new HoldfastError(error.message, detail ?? error.message, {
      ...(hint ? { remedy: hint } : {}),
    });
  }
  if (READ_ONLY_STATES.has(code)) {
    return new HoldfastError("database_read_only", error.message, { cause: error });
  }
  if (NOT_INSTALLED_STATES.has(code)) {
    return new HoldfastError("not_installed", error.message, { cause: error });
  }
  if (CONNECTION.test(code)) {
    return new HoldfastError("database_unreachable", `Postgres: ${code}.`, { cause: error });
  }
  return error;
}
