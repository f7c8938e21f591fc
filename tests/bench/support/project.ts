/**
 * A project whose Storage and repository are reached over TLS, and its workers as real functions.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ApiKeys, createApiKeys } from "../../../stack/edge/api_keys.ts";
import {
  type FunctionsHost,
  type IsolateLimits,
  type ProcessMode,
  startFunctions,
} from "../../../stack/edge/functions.ts";
import { startGateway } from "../../../stack/edge/gateway.ts";
import { applyMigrations } from "../../../stack/migrations.ts";
import { connect, type Connection } from "../../../stack/postgres/connection.ts";
import { startNet } from "../../../stack/postgres/net.ts";
import type { DenoVersion } from "../../../stack/process/deno_versions.ts";
import { defaultSecrets } from "../../../stack/secrets.ts";
import { CERTIFICATE } from "../../unit/stack/s3/certificate.ts";
import type { Bench } from "../bench.ts";
import { Child } from "./child.ts";
import type { Target } from "./target.ts";

const SUPABASE = fileURLToPath(new URL("../../../supabase", import.meta.url));

/** The function whose processes are workers of a backup. */
export const WORKER = "holdfast-backup";

/** A project of the bench. */
export interface BenchProject extends AsyncDisposable {
  readonly sql: Connection;
  /** The child that serves Storage. */
  readonly source: Child;
  /** The https URL that a worker has in SUPABASE_URL. */
  readonly sourceUrl: string;
  readonly keys: ApiKeys;
  /** The folder of Storage's bytes. */
  readonly directory: string;
  readonly databaseUrl: string;
  /** Loses the next posts for slices that SQL sends. */
  losePosts(count: number): void;
  /** Starts workers that write to a bucket of the target. Disposing of the result ends them. */
  startWorkers(options: WorkerOptions): Promise<Workers>;
}

/** How workers run. */
export interface WorkerOptions {
  readonly deno: DenoVersion;
  readonly target: Target;
  /** The bucket of the target; created if it is missing. */
  readonly bucket: string;
  readonly mode?: ProcessMode;
  /** The limits of each process; unlimited if absent. */
  readonly limits?: IsolateLimits;
  readonly secrets?: Record<string, string>;
}

/** Functions that run as workers, with their gateway. */
export interface Workers extends AsyncDisposable {
  readonly functions: FunctionsHost;
  /** Boots a process that serves the next request, and returns its id. */
  boot(): Promise<number>;
  /** Starts a backup and returns its id. */
  startBackup(): Promise<string>;
  /** The number of POSTs that reached a process so far. */
  invocations(): number;
}

/** Creates a project. Disposing of it removes everything that it created. */
export async function createBenchProject(bench: Bench, name: string): Promise<BenchProject> {
  await using made = new AsyncDisposableStack();
  const [workspace, postgres] = await Promise.all([bench.workspace, bench.postgres]);
  const keys = createApiKeys(name);
  const database = await postgres.createProjectDatabase(name);
  made.defer(() => postgres.dropDatabase(name));
  await applyMigrations(database.databaseUrl, join(SUPABASE, "migrations"));
  const sql = made.use(connect(database.adminUrl));
  await sql`create extension if not exists pg_stat_statements schema extensions`;
  const directory = await workspace.makeFolder(join("storage", name));
  made.defer(() => Deno.remove(directory, { recursive: true }));
  const source = made.use(Child.start("source.ts"));
  const sourceUrl = await source.ask<string>("start", {
    adminUrl: database.adminUrl,
    keys,
    directory,
    tls: CERTIFICATE,
  });
  const net = made.use(await startNet({ adminUrl: database.adminUrl }));
  const environment = {
    ...defaultSecrets({ url: sourceUrl, databaseUrl: database.databaseUrl, keys }),
    DENO_CERT: await bench.certificateFile(),
  };
  const disposal = made.move();
  return {
    sql,
    source,
    sourceUrl,
    keys,
    directory,
    databaseUrl: database.databaseUrl,
    losePosts: (count) => net.drop(count),
    startWorkers: (options) => startWorkers(bench, { sql, keys, environment }, options),
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}

async function startWorkers(
  bench: Bench,
  project: { sql: Connection; keys: ApiKeys; environment: Record<string, string> },
  { deno, target, bucket, mode = "shared", limits, secrets = {} }: WorkerOptions,
): Promise<Workers> {
  await using made = new AsyncDisposableStack();
  const { server, endpoint, region, accessKeyId, secretAccessKey } = target;
  await server.ask("createBucket", bucket);
  const functions = made.use(
    await startFunctions({
      workspace: await bench.workspace,
      functionsDirectory: join(SUPABASE, "functions"),
      names: [WORKER],
      environment: {
        ...project.environment,
        HOLDFAST_S3_ENDPOINT: endpoint,
        HOLDFAST_S3_REGION: region,
        HOLDFAST_S3_BUCKET: bucket,
        HOLDFAST_S3_ACCESS_KEY_ID: accessKeyId,
        HOLDFAST_S3_SECRET_ACCESS_KEY: secretAccessKey,
        HOLDFAST_S3_FORCE_PATH_STYLE: "true",
        ...secrets,
      },
      deno,
      mode,
      limits,
    }),
  );
  let invocations = 0;
  const counted = {
    names: functions.names,
    acquire(name: string, method: string) {
      if (method === "POST") invocations++;
      return functions.acquire(name, method);
    },
  };
  const gateway = made.use(startGateway(project.keys, { functions: counted }));
  const key = await prepareCalls(project.sql, gateway.url);
  const disposal = made.move();
  return {
    functions,
    invocations: () => invocations,
    async boot() {
      (await functions.acquire(WORKER, "GET")).release();
      return functions.pids(WORKER).at(-1)!;
    },
    async startBackup() {
      const response = await fetch(`${gateway.url}/functions/v1/${WORKER}/runs`, {
        method: "POST",
        headers: { apikey: key },
      });
      const answer: { id?: string } = await response.json();
      if (!answer.id) throw new Error(`no backup began: ${JSON.stringify(answer)}`);
      return answer.id;
    },
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}

/** Sets the plain gateway as the URL of posts from SQL, and creates a key. */
async function prepareCalls(sql: Connection, url: string): Promise<string> {
  await sql`delete from vault.secrets where name = 'holdfast_project_url'`;
  await sql`select vault.create_secret(${url}, 'holdfast_project_url', 'the gateway')`;
  const name = `bench ${crypto.randomUUID()}`;
  const [row] = await sql<{ key: string }[]>`
    select holdfast.create_key('operate', ${name}) as key`;
  return row!.key;
}
