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

/** What tells a client of a project all that a developer of it would know. */
export interface ProjectInfo extends ApiKeys {
  name: string;
  /** The gateway: SUPABASE_URL. */
  url: string;
  /** As the role `postgres`: SUPABASE_DB_URL. */
  databaseUrl: string;
  /** As a superuser, for tests to look where `postgres` may not. */
  adminDatabaseUrl: string;
  /** What runs the project's cron jobs. */
  cron: ProjectDatabase["cron"];
}

/** How a project is made. */
export interface ProjectOptions {
  /** Also the name of its database: small letters, digits and underscores. */
  name: string;
  /**
   * False: neither pg_cron nor its stand-in. `manual`: the stand-in, whose jobs run only when they
   * are fired. `pg_cron`: the real one, which one project at a time can have.
   */
  cron: boolean | "manual" | "pg_cron";
  /** False: no stand-in for pg_net. */
  net: boolean;
  /** False: no stand-in for Vault. */
  vault: boolean;
  /** The folder `supabase` whose migrations and functions it has; this repository's by default. */
  directory: string;
  /** Whether the migrations are applied. */
  migrate: boolean;
  /** The names of the functions to serve. */
  functions: string[];
  /** The functions' secrets besides Supabase's own. */
  secrets: Secrets;
  deno: DenoVersion;
  mode: FunctionsMode;
  /** What each of the functions' isolates may use. */
  limits: IsolateLimits | "none";
  /** Whether a CDN stands before Storage, as on hosted projects. */
  cdn: boolean;
}

/** What a project needs of the stack that it is part of. */
export interface ProjectSurroundings {
  workspace: Workspace;
  postgres: PostgresCluster;
  /** Databases with this repository's migrations. */
  migrated: MigratedDatabases;
  modules: ModuleCache;
}

/** What runs for a project. */
interface ProjectParts {
  storage: StorageServer;
  functions: FunctionsHost;
  /** Absent where the real pg_cron runs the jobs, or where there is none. */
  cron: CronLauncher | undefined;
  net: NetWorker | undefined;
  gateway: Gateway;
}

/** A Supabase project: its database, Storage, functions, the workers of its cron and net, gateway. */
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
   * Makes and starts a project. Where that fails, nothing of it is left.
   *
   * @throws the error of PostgreSQL, where a migration fails
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
   * Changes the functions' secrets; null takes one away. Requests from here on see them.
   *
   * @throws {RangeError} for a name that begins with SUPABASE_
   */
  setSecrets(change: Record<string, string | null>): void {
    this.#secrets = changedSecrets(this.#secrets, change);
    this.parts.functions.setEnvironment(environmentOf(this.info, this.#secrets));
  }

  /** Gives the functions these secrets besides Supabase's own, and no others. */
  replaceSecrets(secrets: Secrets): void {
    this.#secrets = {};
    this.setSecrets(secrets);
  }

  /** Applies the migrations of the project's folder that it does not have yet. */
  async migrate(): Promise<void> {
    await applyMigrations(this.info.databaseUrl, migrationsOf(this.options));
  }

  /**
   * Runs a text of SQL as the role `postgres`, in one transaction. Returns the rows of the last
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
