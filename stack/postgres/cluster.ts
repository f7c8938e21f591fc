import { connect } from "./connection.ts";
import { cloneTemplate, prepareTemplate, type ProjectDatabaseOptions } from "./template.ts";
import { createServer, SUPERUSER } from "./server.ts";
import type { Workspace } from "../process/workspace.ts";

export type { ProjectDatabaseOptions } from "./template.ts";

/** A PostgreSQL server with Supabase's roles; each project is one database of it. */
export interface PostgresCluster extends AsyncDisposable {
  /** 15 or 17, for example. */
  readonly majorVersion: number;
  /** On 127.0.0.1; there is no other way in. */
  readonly port: number;
  /** Whether the database named by `cronDatabase` has the real pg_cron. */
  readonly hasPgCron: boolean;
  /** Where the superuser supabase_admin connects. */
  adminUrl(database: string): string;
  /**
   * Makes a project's database; a clone of a template, so in a fraction of a second.
   *
   * @throws TypeError where `name` has anything but letters, digits, `_` and `-`.
   */
  createProjectDatabase(name: string, options?: ProjectDatabaseOptions): Promise<ProjectDatabase>;
  /**
   * Makes a project's database as a clone of another one, which nobody may be connected to.
   *
   * @throws TypeError as above
   */
  cloneProjectDatabase(name: string, original: ProjectDatabase): Promise<ProjectDatabase>;
  /** Ends the connections to it and drops it; nothing happens where it does not exist. */
  dropDatabase(name: string): Promise<void>;
  /** Ends all connections; `immediate` is a crash, from which the server recovers. */
  restart(mode?: "fast" | "immediate"): Promise<void>;
  /** Ends the server. Its folder goes with the workspace. */
  stop(): Promise<void>;
}

/** A project's database as its owner sees it. */
export interface ProjectDatabase {
  readonly name: string;
  /** As the role `postgres`, which is no superuser. */
  readonly databaseUrl: string;
  /** As the superuser supabase_admin. */
  readonly adminUrl: string;
  /** The one real pg_cron of the cluster, the stand-in that `startCron` drives, or neither. */
  readonly cron: "pg_cron" | "stand-in" | "none";
}

export interface PostgresOptions {
  workspace: Workspace;
  /** Where `postgres` and `initdb` lie: HOLDFAST_POSTGRES_BIN, else the npm package's. */
  binDirectory?: string;
  /** False, the default, is faster and survives all but a crash of the machine. */
  fsync?: boolean;
  /** The name of the one database that gets the real pg_cron where the server has it. */
  cronDatabase?: string;
  /** Further settings, which win over ours. */
  settings?: Record<string, string>;
}

/** Starts a server of its own in the workspace, which also ends it. Takes two to three seconds. */
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

/** postgres.js takes the name out of a URL as it stands there, percent signs and all. */
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
    // Files in the data folder: other kinds outlive a server that was killed.
    dynamic_shared_memory_type: "mmap",
    fsync: durable,
    full_page_writes: durable,
    timezone: "UTC",
    log_timezone: "UTC",
    jit: "off",
    // Of the stand-in for Vault, which is to have its key outside of the database.
    "vault_stand_in.key": randomPassword(),
    ...options.settings,
  };
}

function pgCronSettings(database: string): Record<string, string> {
  return {
    shared_preload_libraries: "pg_cron",
    "cron.database_name": database,
    // Else it connects over TCP and would need the passwords of the roles whose jobs it runs.
    "cron.use_background_workers": "on",
    "cron.timezone": "GMT",
  };
}

function randomPassword(): string {
  return crypto.randomUUID().replaceAll("-", "");
}
