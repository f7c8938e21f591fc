import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { applyMigrations } from "../../../stack/migrations.ts";
import { type PostgresCluster, startPostgres } from "../../../stack/postgres/cluster.ts";
import type { S3Server } from "../../../stack/s3/types.ts";
import { freePort } from "../../../stack/process/ports.ts";
import { createWorkspace, type Workspace } from "../../../stack/process/workspace.ts";
import { ProjectFunctions } from "../processes/functions.ts";
import { Connections } from "./connections.ts";
import { SimulatedProject } from "./project.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../supabase/migrations", import.meta.url));

/** The bucket of every repository. */
export const BUCKET = "repository";
export const REGION = "eu-central-1";

/**
 * What all runs of a process share: a PostgreSQL server, the projects, the address of the S3
 * server.
 */
export class Servers implements AsyncDisposable {
  readonly credentials = {
    accessKeyId: randomBytes(10).toString("hex").toUpperCase(),
    secretAccessKey: randomBytes(30).toString("base64url"),
  };
  readonly connections = new Connections();
  readonly s3Port = freePort();
  readonly #functions = new Map<SimulatedProject, Promise<ProjectFunctions>>();
  readonly #projects = new Map<string, Promise<SimulatedProject>>();
  #made = 0;
  #s3: S3Server | undefined;

  private constructor(
    readonly workspace: Workspace,
    readonly postgres: PostgresCluster,
    private readonly stack: AsyncDisposableStack,
  ) {}

  static async start(): Promise<Servers> {
    await using stack = new AsyncDisposableStack();
    const workspace = stack.use(await createWorkspace());
    const postgres = stack.use(await startPostgres({ workspace }));
    return new Servers(workspace, postgres, stack.move());
  }

  get s3Endpoint(): string {
    return `http://127.0.0.1:${this.s3Port}`;
  }

  /** The S3 server of the environment that is open. */
  get s3(): S3Server {
    if (!this.#s3) throw new Error("no environment is open");
    return this.#s3;
  }

  set s3(server: S3Server) {
    this.#s3 = server;
  }

  /** The functions' secrets for the repository. */
  get secrets(): Record<string, string> {
    return {
      HOLDFAST_S3_ENDPOINT: this.s3Endpoint,
      HOLDFAST_S3_REGION: REGION,
      HOLDFAST_S3_BUCKET: BUCKET,
      HOLDFAST_S3_ACCESS_KEY_ID: this.credentials.accessKeyId,
      HOLDFAST_S3_SECRET_ACCESS_KEY: this.credentials.secretAccessKey,
      HOLDFAST_S3_FORCE_PATH_STYLE: "true",
    };
  }

  /** A project by its name, created at the first call. Its URL and keys never change. */
  async project(name: string): Promise<SimulatedProject> {
    const project = this.#projects.get(name) ?? this.#makeProject(name);
    this.#projects.set(name, project);
    return await project;
  }

  /** A project's functions in processes of their own, started at the first call. */
  async functionsOf(project: SimulatedProject): Promise<ProjectFunctions> {
    const made = this.#functions.get(project) ?? this.#makeFunctions(project);
    this.#functions.set(project, made);
    return await made;
  }

  async #makeFunctions(project: SimulatedProject): Promise<ProjectFunctions> {
    return this.stack.use(await ProjectFunctions.start(this, project, project.services));
  }

  async #makeProject(name: string): Promise<SimulatedProject> {
    const database = await this.postgres.createProjectDatabase(name);
    await applyMigrations(database.databaseUrl, MIGRATIONS);
    return this.stack.use(await SimulatedProject.start(this, database));
  }

  /** A number that no other state or folder uses. */
  nextNumber(): number {
    return ++this.#made;
  }

  /** Creates an empty folder. */
  makeFolder(): Promise<string> {
    return this.workspace.makeFolder(join("simulation", String(this.nextNumber())));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connections[Symbol.asyncDispose]();
    await this.stack.disposeAsync();
  }
}
