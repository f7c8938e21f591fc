import postgres from "postgres";
import type { Caller } from "./caller.ts";
import { refusal, StorageError } from "./errors.ts";

/** Runs statements: the pool, or a transaction. */
export type Sql = postgres.ISql<Record<never, never>>;

/**
 * Few connections, because opening one takes about 30 ms of CPU and every project opens its own.
 */
const CONNECTIONS = 4;

/** Thrown to roll back a successful transaction. */
class RolledBack extends Error {}

/**
 * Storage's connections. They use `service_role`, which bypasses row level security. Statements
 * that run as the caller's role decide what a caller may do.
 */
export class Database {
  /** Runs statements as `service_role`, each in a separate transaction. */
  readonly service: Sql;
  readonly #pool: postgres.Sql;

  private constructor(pool: postgres.Sql) {
    this.#pool = pool;
    this.service = pool;
  }

  /**
   * Opens all connections immediately, so that no later request waits for one.
   *
   * @throws Error if the database cannot be reached.
   */
  static async open(adminUrl: string): Promise<Database> {
    const pool = postgres(adminUrl, {
      max: CONNECTIONS,
      onnotice: () => {},
      connection: {
        application_name: "storage",
        role: "service_role",
        "request.jwt.claims": JSON.stringify({ role: "service_role" }),
        "request.jwt.claim.role": "service_role",
        "storage.allow_delete_query": "true",
      } as Record<string, string>,
    });
    const database = new Database(pool);
    try {
      await Promise.all(Array.from({ length: CONNECTIONS }, () => pool`select pg_sleep(0.02)`));
    } catch (error) {
      await database.close();
      throw error;
    }
    return database;
  }

  async close(): Promise<void> {
    await this.#pool.end({ timeout: 5 });
  }

  /** Runs a transaction as `service_role`. */
  transaction<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result> {
    return refusing(this.#pool.begin(work) as Promise<Result>);
  }

  /** Runs one reading statement as the caller. Policies decide what it sees. */
  read<Result>(caller: Caller, work: (sql: Sql) => Promise<Result>): Promise<Result> {
    return caller.role === "service_role" && caller.owner === undefined
      ? refusing(work(this.service))
      : this.as(caller, work);
  }

  /** Runs a transaction as the caller, under the policies. */
  as<Result>(caller: Caller, work: (sql: Sql) => Promise<Result>): Promise<Result> {
    return this.transaction(async (sql) => {
      await setScope(sql, caller);
      return await work(sql);
    });
  }

  /**
   * Tries the caller's change and rolls it back. Storage checks the policies this way before it
   * accepts any byte. Triggers on the tables fire during the attempt, too.
   */
  async attempt(caller: Caller, work: (sql: Sql) => Promise<unknown>): Promise<void> {
    try {
      await this.as(caller, async (sql) => {
        await work(sql);
        throw new RolledBack();
      });
    } catch (error) {
      if (!(error instanceof RolledBack)) throw error;
    }
  }
}

async function setScope(sql: Sql, caller: Caller): Promise<void> {
  await sql`select set_config('role', ${caller.role}, true),
    set_config('request.jwt', ${caller.token}, true),
    set_config('request.jwt.claim.role', ${caller.role}, true),
    set_config('request.jwt.claim.sub', ${caller.owner ?? ""}, true),
    set_config('request.jwt.claims', ${JSON.stringify(caller.claims)}, true),
    set_config('storage.operation', ${caller.operation}, true)`;
}

/** Awaits statements, and converts PostgreSQL's errors to Storage's. */
export async function refusing<Result>(statements: PromiseLike<Result>): Promise<Result> {
  try {
    return await statements;
  } catch (error) {
    throw error instanceof postgres.PostgresError ? refusalOf(error) : error;
  }
}

function refusalOf(error: postgres.PostgresError): StorageError {
  switch (error.code) {
    case "42501":
      return refusal.accessDenied(
        error.message.includes("row-level security")
          ? "new row violates row-level security policy"
          : error.message,
      );
    case "23505":
      return refusal.resourceAlreadyExists();
    case "23503":
      return error.detail?.includes("is still referenced from table")
        ? new StorageError(
          "ResourceReferenced",
          409,
          "The resource could not be updated or removed due to a foreign key constraint",
        )
        : new StorageError("InvalidRequest", 404, "The related resource does not exist");
    case "55P03":
      return new StorageError("ResourceLocked", 423, "The resource is locked");
    case "57014":
      return new StorageError(
        "DatabaseTimeout",
        544,
        "The connection to the database timed out",
        { status: 544 },
      );
    case "25006":
      return new StorageError(
        "DatabaseReadOnly",
        503,
        "The database is currently in read-only mode. Please try again later.",
      );
    case "22P02":
      return new StorageError("InvalidParameter", 400, error.message);
    case "42703":
    case "42P01":
      return new StorageError(
        "DatabaseSchemaMismatch",
        503,
        "The database schema is out of sync. Please run migrations or contact support.",
      );
    default:
      return new StorageError("DatabaseError", 500, `database error, code: ${error.code}`);
  }
}
