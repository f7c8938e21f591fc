/** The project's Postgres: one connection an isolate, and only calls of functions of holdfast_private. */
import postgres from "postgres";
import { HoldfastError, isErrorCode } from "../config/errors.ts";
import { parseExactly } from "../lib/codecs/json.ts";
import type { Database, Fence } from "../lib/database.ts";

/** Longest that one statement may run: a window of 50,000 rows read from a cold disk. */
const STATEMENT_TIMEOUT_MS = 60_000;
const LOCK_TIMEOUT_MS = 10_000;
const IDLE_TRANSACTION_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_SECONDS = 10;
/**
 * None beside the one that waits for its answer. postgres.js 3.4.9 throws from a timer where it sends
 * several at once on Deno 2.1.4 (denoland/deno#29262): nobody can catch that, and the isolate ends.
 */
const STATEMENTS_SENT_AHEAD = 0;
/** An idle connection would keep a finished isolate alive. */
const IDLE_TIMEOUT_SECONDS = 5;

/** json and jsonb: what passes through a function on its way back to the database is not rounded. */
const EXACT_JSON: postgres.PostgresType = {
  to: 3802,
  from: [114, 3802],
  serialize: (value: unknown) => JSON.stringify(value),
  parse: parseExactly,
};

/**
 * Functions that only read. They are asked once more where the connection ended under them, as a
 * kept one does when the server restarts: every request begins with one of them.
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

/** Connects, lazily, as holdfast_worker. */
export function connectDatabase(databaseUrl: string): Database {
  let sql = connect(databaseUrl);
  let retired: Promise<unknown> = Promise.resolve();
  let closed = false;

  /**
   * What comes next goes by a new connection. The old one would be handed out again before its end
   * is read, what is sent into it then is never answered, and one that ended with something still to
   * be sent never sends again (postgres.js 3.4.9, porsager/postgres#1066 and #1154).
   */
  function retire(lost: postgres.Sql): void {
    if (lost !== sql || closed) return;
    sql = connect(databaseUrl);
    retired = Promise.all([retired, lost.end({ timeout: 0 })]);
  }

  async function ask<Result>(
    name: string,
    parameters: Record<string, unknown>,
    fence?: Fence,
  ): Promise<Result> {
    const { text, values } = fence
      ? fencedStatement(name, parameters, fence)
      : statement(name, parameters);
    const asked = sql;
    try {
      const rows = await asked.unsafe(text, values as postgres.ParameterOrJSON<never>[], {
        prepare: true,
      });
      if (fence) fence.committedAt = rows[0]?.committed_at ?? null;
      return rows[0]?.result as Result;
    } catch (error) {
      const typed = expected(error);
      if (isUnreachable(typed)) retire(asked);
      throw typed;
    }
  }

  return {
    async call<Result>(name: string, parameters: Record<string, unknown>, fence?: Fence) {
      try {
        return await ask<Result>(name, parameters, fence);
      } catch (error) {
        if (!isUnreachable(error) || !READING.has(name)) throw error;
        return await ask<Result>(name, parameters);
      }
    },
    async close() {
      closed = true;
      await Promise.all([retired, sql.end({ timeout: 5 })]);
    },
  };
}

/** A client with one connection, made at its first statement. */
function connect(databaseUrl: string): postgres.Sql {
  // Its types lack `max_pipeline`, which it reads.
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
      // At start-up, so that no statement ever runs with the login role's rights.
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

/** A call as one statement; `before` parameters stand before its own. */
function statement(name: string, parameters: Record<string, unknown>, before = 0) {
  const names = Object.keys(parameters);
  const list = names.map((parameter, index) => `${parameter} => $${before + index + 1}`);
  const values = names.map((parameter) => parameters[parameter] ?? null);
  return { text: `select holdfast_private.${name}(${list.join(", ")}) as result`, values };
}

/** The same behind a fence: each step waits for the one before it, in one transaction. */
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

/** SQLSTATEs that mean that no write is taken: read-only, disk full, out of memory on disk. */
const READ_ONLY_STATES = new Set(["25006", "53100"]);
/** Schema, function or role missing, or no right to become the role. */
const NOT_INSTALLED_STATES = new Set(["3F000", "42883", "42704", "22023"]);
/** Classes of SQLSTATE, and postgres.js's own codes, of a connection that is not to be had. */
const CONNECTION =
  /^(08|28|3D|57P|53300|CONNECT|CONNECTION|ECONN|ENOTFOUND|EAI_|EHOST|ENET|EPIPE|ETIMEDOUT)/;

/** Whether Postgres raised it, and no code expected that. */
export function isOfDatabase(error: unknown): boolean {
  return error instanceof postgres.PostgresError;
}

/** Turns what Postgres raised into a typed error where it is one that is expected. */
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
