import type { ProjectConnections } from "../../support/project_reader.ts";
import { RepositoryReader } from "../../../stack/repository_reader.ts";
import { S3Bucket } from "../../../stack/s3_bucket.ts";
import { openPostgresProxy } from "../../simulation/processes/postgres_proxy.ts";
import type { Pass } from "../../simulation/processes/http_proxy.ts";
import { LIMITS } from "../../../stack/edge/isolate_limits.ts";
import { connect, type Connection } from "../../../stack/postgres/connection.ts";
import type { Project } from "../../../stack/project.ts";
import { defaultSecrets } from "../../../stack/secrets.ts";
import type { RepositoryBucket, Stack } from "../../../stack/stack.ts";
import type { FaultSchedule } from "./random_faults.ts";
import { openFaultProxy, type Passed } from "./fault_proxy.ts";
import { storageClient } from "../../support/storage_client.ts";

/** Called with each executed request of a project's functions. */
export type Watch = (receiver: "storage" | "s3", request: Passed) => void;

/**
 * A project whose functions reach Storage, S3, PostgreSQL and, by pg_net, each other through proxies that
 * inject faults. Users and checks connect directly.
 */
export class SoakProject implements ProjectConnections, AsyncDisposable {
  readonly #keys = new Map<string, Promise<string>>();

  private constructor(
    readonly name: string,
    readonly project: Project,
    readonly repository: RepositoryBucket,
    /** SUPABASE_URL, as the functions know it. */
    readonly outerUrl: string,
    /** A connection of the superuser, for the checks. */
    readonly sql: Connection,
    private readonly stack: AsyncDisposableStack,
  ) {}

  static async start(
    stack: Stack,
    name: string,
    repository: RepositoryBucket,
    randomFaults: FaultSchedule,
    watch: Watch,
  ): Promise<SoakProject> {
    await using parts = new AsyncDisposableStack();
    const project = await stack.createProject({ name, cron: "manual", limits: LIMITS.hosted });
    const { info } = project;
    const gateway = parts.use(
      await openFaultProxy(() => Number(new URL(info.url).port), {
        strike: (path) => randomFaults.strike(path.startsWith("/functions/") ? "post" : "storage"),
        passed: (request) => {
          if (request.path.startsWith("/storage/")) watch("storage", request);
        },
      }),
    );
    const s3 = parts.use(
      await openFaultProxy(() => stack.s3.port, {
        strike: () => randomFaults.strike("s3"),
        passed: (request) => watch("s3", request),
      }),
    );
    const postgres = parts.use(
      await openPostgresProxy(stack.postgres.port, passUnder(randomFaults)),
    );
    const databaseUrl = new URL(info.databaseUrl);
    databaseUrl.port = String(postgres.port);
    const outerUrl = `http://127.0.0.1:${gateway.port}`;
    project.parts.functions.setEnvironment({
      ...defaultSecrets({ url: outerUrl, databaseUrl: databaseUrl.href, keys: info }),
      ...repository.secrets,
      HOLDFAST_S3_ENDPOINT: `http://127.0.0.1:${s3.port}`,
    });
    const sql = parts.use(connect(info.adminDatabaseUrl, { max: 4 }));
    return new SoakProject(name, project, repository, outerUrl, sql, parts.move());
  }

  get url(): string {
    return this.project.info.url;
  }

  get secretKey(): string {
    return this.project.info.secretKey;
  }

  /** All its keys. None may occur in what Holdfast writes. */
  get keys() {
    return this.project.info;
  }

  /** The same as `SimulatedProject.settings`, for shared checks. */
  get settings() {
    const { url, databaseUrl, secretKey } = this.project.info;
    return { url, databaseUrl, secretKey };
  }

  /** A supabase-js client of Storage with the secret key. */
  get storage() {
    return storageClient(this.url, this.secretKey);
  }

  /** The repository's bucket, read without Holdfast. */
  get bucket(): S3Bucket {
    return new S3Bucket(this.repository);
  }

  /** The repository, read without Holdfast. */
  get reader(): RepositoryReader {
    return new RepositoryReader(this.bucket);
  }

  get functions() {
    return this.project.parts.functions;
  }

  /** Runs one of Holdfast's pg_cron jobs now, if it is scheduled. */
  async fire(job: "holdfast tick" | "holdfast housekeeping" | "holdfast backup"): Promise<void> {
    const known = await this.sql`select from cron.job where jobname = ${job}`;
    if (known.length > 0) await this.project.parts.cron?.fire(job);
  }

  /** A key of a scope, created at the first call. */
  key(scope: "operate" | "restore"): Promise<string> {
    const made = this.#keys.get(scope) ?? this.#createKey(scope);
    this.#keys.set(scope, made);
    return made;
  }

  async #createKey(scope: string): Promise<string> {
    const [row] = await this.sql<{ key: string }[]>`
      select holdfast.create_key(${scope}, ${`soak ${scope}`}) as key`;
    return row!.key;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.disposeAsync();
  }
}

/** Cuts connections to PostgreSQL at random. */
function passUnder(randomFaults: FaultSchedule): Pass {
  return async (request) => {
    const fault = randomFaults.strike("sql");
    if (fault === "cut_before") throw new Error("cut before the statement");
    const result = await request.send();
    if (fault === "lose_reply") throw new Error("cut before the answer");
    return result;
  };
}
