import { connect } from "./connection.ts";
import { cloneTemplate, prepareTemplate, type ProjectDatabaseOptions } from "./template.ts";
import { createServer, SUPERUSER } from "./server.ts";
import type { Workspace } from "../process/workspace.ts";

export type { ProjectDatabaseOptions } from "./template.ts";

/** A PostgreSQL server with Supabase's roles. Each project has one of its databases. */
export interface PostgresCluster extends AsyncDisposable {
  /** Major version of PostgreSQL, for example 15 or 17. */
  readonly majorVersion: number;
  /** Port on 127.0.0.1. The server has no socket file. */
  readonly port: number;
  /** Whether the database in `cronDatabase` has the real pg_cron. */
  readonly hasPgCron: boolean;
  /** The URL with which the superuser supabase_admin connects. */
  adminUrl(database: string): string;
  /**
   * Creates a project's database by cloning a template, which takes a fraction of a second.
   *
   * @throws TypeError if `name` has other characters than letters, digits, `_` and `-`.
   */
  createProjectDatabase(name: string, options?: ProjectDatabaseOptions): Promise<ProjectDatabase>;
  /**
   * Creates a project's database by cloning another one. That one must have no connections.
   *
   * @throws TypeError as above
   */
  cloneProjectDatabase(name: string, original: ProjectDatabase): Promise<ProjectDatabase>;
  /** Ends the database's connections and drops it. A missing database has no effect. */
  dropDatabase(name: string): Promise<void>;
  /** Restarts the server and ends all connections. `immediate` simulates a crash with recovery. */
  restart(mode?: "fast" | "immediate"): Promise<void>;
  /** Stops the server. Disposing of the workspace removes its folder. */
  stop(): Promise<void>;
}

/** A project's database. */
export interface ProjectDatabase {
  readonly name: string;
  /** Connects as the role `postgres`, which is no superuser. */
  readonly databaseUrl: string;
  /** Connects as the superuser supabase_admin. */
  readonly adminUrl: string;
  /** The real pg_cron, the stand-in that `startCron` drives, or none. */
  readonly cron: "pg_cron" | "stand-in" | "none";
}

export interface PostgresOptions {
  workspace: Workspace;
  /** Folder of `postgres` and `initdb`; HOLDFAST_POSTGRES_BIN or the npm package's by default. */
  binDirectory?: string;
  /** False by default, which is faster. Data is then lost only if the machine crashes. */
  fsync?: boolean;
  /** Name of the one database that gets the real pg_cron if the server has it. */
  cronDatabase?: string;
  /** Additional settings. They override the defaults. */
  settings?: Record<string, string>;
}

/** Starts a server in the workspace, which also ends it. It takes two to three seconds. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresCluster> {
  const passwords = { superuser: randomPassword(), postgres: randomPassword() };
  const server = await createServer({
    workspace: options.workspace,
    binDirectory: options.binDirectory,
    superuserPassword: passwords.superuser,
  });
  let settings = serverSettings(options);
  await server.start(settings);

  const url = (role: string, password: string, database: string) =>
    `postgres://${role}:${password}@127.0.0.1:${server.port}/${database}`;
  const adminUrl = (database: string) => url(SUPERUSER, passwords.superuser, database);

  const { majorVersion, offersPgCron } = await prepareTemplate(adminUrl, passwords.postgres);
  const hasPgCron = offersPgCron && options.cronDatabase !== undefined;
  if (hasPgCron) {
    settings = { ...settings, ...pgCronSettings(options.cronDatabase ?? "") };
    await server.stop("fast");
    await server.start(settings);
  }

  const stop = () => server.stop("fast");
  return {
    majorVersion,
    port: server.port,
    hasPgCron,
    adminUrl,
    async createProjectDatabase(name, wanted = {}) {
      assertDatabaseName(name);
      const real = hasPgCron && name === options.cronDatabase;
      const cron = wanted.cron === false ? "none" : real ? "pg_cron" : "stand-in";
      await cloneTemplate(adminUrl, name, wanted, cron);
      const databaseUrl = url("postgres", passwords.postgres, name);
      return { name, databaseUrl, adminUrl: adminUrl(name), cron };
    },
    async cloneProjectDatabase(name, { name: original, cron }) {
      assertDatabaseName(name);
      await using sql = connect(adminUrl("postgres"));
      await sql`create database ${sql(name)} template ${sql(original)} owner postgres`;
      const databaseUrl = url("postgres", passwords.postgres, name);
      return { name, databaseUrl, adminUrl: adminUrl(name), cron };
    },
    async dropDatabase(name) {
      await using sql = connect(adminUrl("postgres"));
      await sql`drop database if exists ${sql(name)} with (force)`;
    },
    async restart(mode = "fast") {
      await server.stop(mode);
      await server.start(settings);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/**
 * Restricts names, because postgres.js does not decode percent-encoding in a URL's database name.
 */
function assertDatabaseName(name: string): void {
  if (!/^[\w-]{1,63}$/.test(name)) throw new TypeError(`not a name for a database: ${name}`);
}

function serverSettings(options: PostgresOptions): Record<string, string> {
  const durable = options.fsync ? "on" : "off";
  return {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: "200",
    max_worker_processes: "24",
    shared_buffers: "64MB",
    // Use files in the data folder: other kinds of shared memory remain after a kill.
    dynamic_shared_memory_type: "mmap",
    fsync: durable,
    full_page_writes: durable,
    timezone: "UTC",
    log_timezone: "UTC",
    jit: "off",
    // The stand-in for Vault must keep its key outside of the database.
    "vault_stand_in.key": randomPassword(),
    ...options.settings,
  };
}

function pgCronSettings(database: string): Record<string, string> {
  return {
    shared_preload_libraries: "pg_cron",
    "cron.database_name": database,
    // Otherwise pg_cron connects over TCP and needs the passwords of the jobs' roles.
    "cron.use_background_workers": "on",
    "cron.timezone": "GMT",
  };
}

function randomPassword(): string {
  return crypto.randomUUID().replaceAll("-", "");
}
