import { join } from "node:path";
import { type ApiKeys, createApiKeys } from "./edge/api_keys.ts";
import { type FunctionsHost, type FunctionsMode, startFunctions } from "./edge/functions.ts";
import { type Gateway, type GatewayServices, startGateway } from "./edge/gateway.ts";
import { serveInProcess } from "./edge/in_process.ts";
import type { IsolateLimits } from "./edge/isolate_limits.ts";
import type { ModuleCache } from "./edge/module_cache.ts";
import { applyMigrations, runSql, type SqlRow } from "./migrations.ts";
import type { MigratedDatabases } from "./migrated_databases.ts";
import type { PostgresCluster, ProjectDatabase } from "./postgres/cluster.ts";
import { type CronLauncher, startCron } from "./postgres/cron.ts";
import { type NetWorker, startNet } from "./postgres/net.ts";
import type { DenoVersion } from "./process/deno_versions.ts";
import type { Workspace } from "./process/workspace.ts";
import { changedSecrets, defaultSecrets, type Secrets } from "./secrets.ts";
import { startStorage, type StorageServer } from "./storage/mod.ts";

/** The addresses and keys of a project, as its developer knows them. */
export interface ProjectInfo extends ApiKeys {
  name: string;
  /** URL of the gateway: SUPABASE_URL. */
  url: string;
  /** Connects as the role `postgres`: SUPABASE_DB_URL. */
  databaseUrl: string;
  /** Connects as a superuser, for tests that read what `postgres` may not read. */
  adminDatabaseUrl: string;
  /** The implementation that runs the project's cron jobs. */
  cron: ProjectDatabase["cron"];
}

/** Options for creating a project. */
export interface ProjectOptions {
  /** Name of the project and of its database: lower-case letters, digits and underscores. */
  name: string;
  /**
   * True: the stand-in for pg_cron. `manual`: the stand-in, whose jobs run only when they are
   * fired. `pg_cron`: the real one, for one project at a time. False: none.
   */
  cron: boolean | "manual" | "pg_cron";
  /** Whether the project has the stand-in for pg_net. */
  net: boolean;
  /** Whether the project has the stand-in for Vault. */
  vault: boolean;
  /** The `supabase` folder with its migrations and functions; this repository's by default. */
  directory: string;
  /** Whether the migrations are applied. */
  migrate: boolean;
  /** The names of the functions to serve. */
  functions: string[];
  /** The functions' secrets besides Supabase's own. */
  secrets: Secrets;
  deno: DenoVersion;
  mode: FunctionsMode;
  /** Resource limits of each isolate of the functions. */
  limits: IsolateLimits | "none";
  /** Whether a CDN is in front of Storage, as on hosted projects. */
  cdn: boolean;
}

/** The parts of the stack that a project uses. */
export interface ProjectSurroundings {
  workspace: Workspace;
  postgres: PostgresCluster;
  /** Databases with this repository's migrations. */
  migrated: MigratedDatabases;
  modules: ModuleCache;
}

/** The running parts of a project. */
interface ProjectParts {
  storage: StorageServer;
  functions: FunctionsHost;
  /** Undefined if the real pg_cron runs the jobs, or if the project has no cron. */
  cron: CronLauncher | undefined;
  net: NetWorker | undefined;
  gateway: Gateway;
}

/** A Supabase project: database, Storage, functions, gateway, and the workers for cron and net. */
export class Project implements AsyncDisposable {
  #secrets: Secrets;
  #stopped: Promise<void> | undefined;

  private constructor(
    readonly info: ProjectInfo,
    readonly options: ProjectOptions,
    readonly parts: ProjectParts,
    readonly disposal: AsyncDisposableStack,
  ) {
    this.#secrets = options.secrets;
  }

  /**
   * Creates and starts a project. If that fails, everything created is removed.
   *
   * @throws the error of PostgreSQL if a migration fails
   */
  static async create(options: ProjectOptions, around: ProjectSurroundings): Promise<Project> {
    await using disposal = new AsyncDisposableStack();
    const keys = createApiKeys(options.name);
    const database = await createDatabase(options, around, disposal);
    const storage = await createStorage(options, keys, database, around.workspace, disposal);
    const cron = await startCronOf(options, database);
    if (cron) disposal.use(cron);
    const net = options.net ? await startNet(database) : undefined;
    if (net) disposal.use(net);

    const services: GatewayServices = { storageUrl: storage.url };
    const gateway = disposal.use(startGateway(keys, services));
    const info: ProjectInfo = {
      name: options.name,
      url: gateway.url,
      databaseUrl: database.databaseUrl,
      adminDatabaseUrl: database.adminUrl,
      cron: database.cron,
      ...keys,
    };
    const functions = await functionsOf(options, environmentOf(info, options.secrets), around);
    services.functions = disposal.use(functions);
    const parts: ProjectParts = { storage, functions, cron, net, gateway };
    return new Project(info, options, parts, disposal.move());
  }

  /**
   * Changes the functions' secrets; null removes one. Later requests see the change.
   *
   * @throws {RangeError} for a name that begins with SUPABASE_
   */
  setSecrets(change: Record<string, string | null>): void {
    this.#secrets = changedSecrets(this.#secrets, change);
    this.parts.functions.setEnvironment(environmentOf(this.info, this.#secrets));
  }

  /** Replaces all secrets of the functions except Supabase's own. */
  replaceSecrets(secrets: Secrets): void {
    this.#secrets = {};
    this.setSecrets(secrets);
  }

  /** Applies the missing migrations of the project's folder. */
  async migrate(): Promise<void> {
    await applyMigrations(this.info.databaseUrl, migrationsOf(this.options));
  }

  /**
   * Runs SQL statements as the role `postgres` in one transaction. Returns the rows of the last
   * statement.
   */
  applySql(text: string): Promise<SqlRow[]> {
    return runSql(this.info.databaseUrl, text);
  }

  /** Stops everything and drops the database. */
  stop(): Promise<void> {
    return this.#stopped ??= this.disposal.disposeAsync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

async function createDatabase(
  options: ProjectOptions,
  { postgres, migrated }: ProjectSurroundings,
  disposal: AsyncDisposableStack,
): Promise<ProjectDatabase> {
  const { name, net, vault, migrate } = options;
  const cron = options.cron !== false;
  disposal.defer(() => postgres.dropDatabase(name));
  const hasAll = cron && options.cron !== "pg_cron" && net && vault;
  if (migrate && hasAll && migrationsOf(options) === migrated.migrations) {
    return await migrated.create(name);
  }
  const database = await postgres.createProjectDatabase(name, { cron, net, vault });
  if (migrate) await applyMigrations(database.databaseUrl, migrationsOf(options));
  return database;
}

async function createStorage(
  options: ProjectOptions,
  { jwtSecret }: ApiKeys,
  { adminUrl }: ProjectDatabase,
  workspace: Workspace,
  disposal: AsyncDisposableStack,
): Promise<StorageServer> {
  const directory = await workspace.makeFolder(join("storage", options.name));
  disposal.defer(() => Deno.remove(directory, { recursive: true }));
  return disposal.use(await startStorage({ adminUrl, jwtSecret, directory, cdn: options.cdn }));
}

async function functionsOf(
  options: ProjectOptions,
  environment: Record<string, string>,
  { workspace, modules }: ProjectSurroundings,
): Promise<FunctionsHost> {
  const { mode, limits } = options;
  if (mode === "in_process") return serveInProcess(environment);
  return await startFunctions({
    workspace,
    functionsDirectory: join(options.directory, "functions"),
    names: options.functions,
    environment,
    deno: options.deno,
    mode,
    limits: limits === "none" ? undefined : limits,
    modules,
  });
}

async function startCronOf(
  options: ProjectOptions,
  { adminUrl, cron }: ProjectDatabase,
): Promise<CronLauncher | undefined> {
  if (cron !== "stand-in") return undefined;
  return await startCron({ adminUrl, automatic: options.cron !== "manual" });
}

function migrationsOf(options: ProjectOptions): string {
  return join(options.directory, "migrations");
}

function environmentOf(info: ProjectInfo, secrets: Secrets): Record<string, string> {
  return { ...defaultSecrets({ ...info, keys: info }), ...secrets };
}
