import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ModuleCache } from "./edge/module_cache.ts";
import { MigratedDatabases } from "./migrated_databases.ts";
import { applyMigrations } from "./migrations.ts";
import {
  type PostgresCluster,
  type ProjectDatabase,
  type ProjectDatabaseOptions,
  startPostgres,
} from "./postgres/cluster.ts";
import { createWorkspace, type Workspace } from "./process/workspace.ts";
import { Project, type ProjectOptions } from "./project.ts";
import { ProjectPool } from "./project_pool.ts";
import { S3Faults } from "./s3_faults.ts";
import { startS3 } from "./s3/mod.ts";
import type { Permissions, S3Server } from "./s3/types.ts";

/** Name of the one project that gets the real pg_cron if the server has it. */
export const PG_CRON_PROJECT = "pg_cron_project";

const REGION = "eu-central-1";

const SUPABASE_DIRECTORY = fileURLToPath(new URL("../supabase", import.meta.url));

/** Options for starting a stack. */
export interface StackOptions {
  /** Folder of `postgres` and `initdb`; HOLDFAST_POSTGRES_BIN or the npm package's by default. */
  postgresBin?: string;
  /** Whether PostgreSQL syncs writes to the disk; false by default. */
  fsync?: boolean;
}

/** A bucket for one repository, with the secrets that configure Holdfast to use it. */
export interface RepositoryBucket {
  bucket: string;
  endpoint: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** HOLDFAST_S3_… */
  secrets: Record<string, string>;
}

/**
 * A local stack: one PostgreSQL server, one S3 server and any number of Supabase projects. It needs
 * no other machine. Everything ends with the process.
 */
export class Stack implements AsyncDisposable {
  /** Injected faults of the S3 server. */
  readonly s3Faults = new S3Faults();
  readonly #projects = new Map<string, Project>();
  readonly #modules: ModuleCache;
  readonly #migrated: MigratedDatabases;
  readonly #pool = new ProjectPool(
    () => this.createProject({ cron: "manual", mode: "in_process" }),
    (project) => this.#endProject(project.info.name),
  );
  #made = 0;
  #stopped: Promise<void> | undefined;

  constructor(
    readonly workspace: Workspace,
    readonly postgres: PostgresCluster,
    readonly s3: S3Server,
    readonly credentials: ReadonlyMap<Permissions, S3Credentials>,
  ) {
    this.#modules = new ModuleCache(workspace.path);
    this.#migrated = new MigratedDatabases(postgres, join(SUPABASE_DIRECTORY, "migrations"));
    s3.onRequest = (record) => this.s3Faults.take(record);
  }

  /**
   * Creates and starts a project.
   *
   * @throws {RangeError} if a project with this name is running, or if pg_cron is requested and the
   * server lacks it
   */
  async createProject(options: Partial<ProjectOptions> = {}): Promise<Project> {
    const directory = options.directory ?? SUPABASE_DIRECTORY;
    const name = this.#projectName(options);
    if (this.#projects.has(name)) throw new RangeError(`there is a project ${name} already`);
    const project = await Project.create({
      name,
      cron: options.cron ?? true,
      net: options.net ?? true,
      vault: options.vault ?? true,
      directory,
      migrate: options.migrate ?? true,
      functions: options.functions ?? await functionNames(join(directory, "functions")),
      secrets: options.secrets ?? {},
      deno: options.deno ?? "2.9.6",
      mode: options.mode ?? "shared",
      limits: options.limits ?? "none",
      cdn: options.cdn ?? false,
    }, {
      workspace: this.workspace,
      postgres: this.postgres,
      migrated: this.#migrated,
      modules: this.#modules,
    });
    this.#projects.set(name, project);
    return project;
  }

  #projectName(options: Partial<ProjectOptions>): string {
    if (options.cron !== "pg_cron") return options.name ?? `project_${++this.#made}`;
    if (this.postgres.hasPgCron) return PG_CRON_PROJECT;
    throw new RangeError(
      "this PostgreSQL has no pg_cron: name another one in HOLDFAST_POSTGRES_BIN",
    );
  }

  /**
   * Returns a running project by its name.
   *
   * @throws {RangeError} if no such project is running
   */
  project(name: string): Project {
    const project = this.#projects.get(name);
    if (project === undefined) throw new RangeError(`there is no project ${name}`);
    return project;
  }

  /** The names of the running projects. */
  get projectNames(): string[] {
    return [...this.#projects.keys()];
  }

  /**
   * Lends a pooled project in its initial state. It has Holdfast installed, its functions run in
   * this process, and its cron jobs run only when they are fired. `deleteProject` returns it.
   */
  acquireProject(secrets: Record<string, string> = {}): Promise<Project> {
    return this.#pool.acquire(secrets);
  }

  /**
   * Deletes a project with its database, or takes a lent one back. An unknown name has no effect.
   */
  async deleteProject(name: string): Promise<void> {
    if (this.#pool.has(name)) await this.#pool.release(name);
    else await this.#endProject(name);
  }

  async #endProject(name: string): Promise<void> {
    const project = this.#projects.get(name);
    this.#projects.delete(name);
    await project?.stop();
  }

  /**
   * Makes a database without Storage, functions and workers, for tests of SQL alone. `migrate` needs
   * everything that the migrations use.
   */
  async createDatabase(
    { migrate = true, ...has }: ProjectDatabaseOptions & { migrate?: boolean } = {},
  ): Promise<ProjectDatabase> {
    const name = `database_${++this.#made}`;
    const hasAll = Object.values(has).every((present) => present !== false);
    if (migrate && hasAll) return await this.#migrated.clone(name);
    const database = await this.postgres.createProjectDatabase(name, has);
    if (migrate) await applyMigrations(database.databaseUrl, this.#migrated.migrations);
    return database;
  }

  /** Creates an empty bucket, and the secrets with which functions access it. */
  async createRepositoryBucket(
    options: { permissions?: Permissions; prefix?: string } = {},
  ): Promise<RepositoryBucket> {
    const bucket = `repository-${randomBytes(6).toString("hex")}`;
    await this.s3.createBucket(bucket);
    return this.repositoryBucket(bucket, options);
  }

  /** Returns an existing bucket with a different key or prefix. */
  repositoryBucket(
    bucket: string,
    options: { permissions?: Permissions; prefix?: string } = {},
  ): RepositoryBucket {
    const credentials = this.credentials.get(options.permissions ?? "all")!;
    const { endpoint } = this.s3;
    return {
      bucket,
      endpoint,
      region: REGION,
      ...credentials,
      secrets: {
        HOLDFAST_S3_ENDPOINT: endpoint,
        HOLDFAST_S3_REGION: REGION,
        HOLDFAST_S3_BUCKET: bucket,
        ...(options.prefix !== undefined && { HOLDFAST_S3_PREFIX: options.prefix }),
        HOLDFAST_S3_ACCESS_KEY_ID: credentials.accessKeyId,
        HOLDFAST_S3_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        HOLDFAST_S3_FORCE_PATH_STYLE: "true",
      },
    };
  }

  /** Stops everything and removes its files. */
  stop(): Promise<void> {
    return this.#stopped ??= this.#stopAll();
  }

  async #stopAll(): Promise<void> {
    // The workspace is disposed of last. It ends the remaining processes if a part fails to stop.
    await using _workspace = this.workspace;
    await using _postgres = this.postgres;
    await using _s3 = this.s3;
    await this.#pool.stop();
    await Promise.all(this.projectNames.map((name) => this.#endProject(name)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** An access key of the S3 server. */
export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

/** Starts PostgreSQL and the S3 server, without a project. It takes about two seconds. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const workspace = await createWorkspace();
  try {
    const credentials = new Map<Permissions, S3Credentials>();
    for (const permissions of ["all", "read", "append", "minimal"] as const) {
      credentials.set(permissions, {
        accessKeyId: randomBytes(10).toString("hex").toUpperCase(),
        secretAccessKey: randomBytes(30).toString("base64"),
      });
    }
    const s3 = await startS3({
      directory: await workspace.makeFolder("s3"),
      credentials: [...credentials].map(([permissions, key]) => ({ ...key, permissions })),
      region: REGION,
    });
    const postgres = await startPostgres({
      workspace,
      binDirectory: options.postgresBin,
      fsync: options.fsync,
      cronDatabase: PG_CRON_PROJECT,
    });
    return new Stack(workspace, postgres, s3, credentials);
  } catch (error) {
    await workspace.dispose();
    throw error;
  }
}

/** The names of a folder's functions: subfolders with a main module, except shared code. */
async function functionNames(directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(directory)) {
    if (!entry.isDirectory || entry.name.startsWith("_")) continue;
    const main = `${directory}/${entry.name}/index.ts`;
    if (await Deno.stat(main).then(() => true, () => false)) names.push(entry.name);
  }
  return names.sort();
}
