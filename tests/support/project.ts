import assert from "node:assert/strict";
import { z } from "zod";
import { FUNCTIONS_VARIABLES } from "../run/groups.ts";
import { connectStack } from "../../stack/client.ts";
import type { Input, Output } from "../../stack/control/operations.ts";
import { connect, type Connection } from "../../stack/postgres/connection.ts";
import type { ProjectClient } from "../../stack/project_client.ts";
import { eventually } from "./eventually.ts";
import type { ProjectConnections } from "./project_reader.ts";
import { RepositoryReader, type Snapshot } from "../../stack/repository_reader.ts";
import { S3Bucket } from "../../stack/s3_bucket.ts";
import { storageClient } from "./storage_client.ts";
import { tickToTheEnd } from "./tick.ts";

/** The stack that all tests of a process use. */
export const stack = await connectStack();

/** A bucket for a repository, as the stack creates it. */
export type RepositoryBucket = Output<"createRepositoryBucket">;

/**
 * Creates an empty repository: a bucket of the stack, or a new prefix in the bucket of the server
 * that HOLDFAST_TEST_S3_ENDPOINT and related variables name.
 */
export async function createRepository(): Promise<RepositoryBucket> {
  const given = (name: string) => Deno.env.get(`HOLDFAST_TEST_S3_${name}`) ?? "";
  if (given("ENDPOINT") === "") return await stack.createRepositoryBucket();
  const place = {
    bucket: given("BUCKET"),
    endpoint: given("ENDPOINT"),
    region: given("REGION"),
    accessKeyId: given("ACCESS_KEY_ID"),
    secretAccessKey: given("SECRET_ACCESS_KEY"),
  };
  return {
    ...place,
    secrets: {
      HOLDFAST_S3_ENDPOINT: place.endpoint,
      HOLDFAST_S3_REGION: place.region,
      HOLDFAST_S3_BUCKET: place.bucket,
      HOLDFAST_S3_PREFIX: `test/${crypto.randomUUID()}`,
      HOLDFAST_S3_ACCESS_KEY_ID: place.accessKeyId,
      HOLDFAST_S3_SECRET_ACCESS_KEY: place.secretAccessKey,
      HOLDFAST_S3_FORCE_PATH_STYLE: given("FORCE_PATH_STYLE") || "true",
    },
  };
}

/** A scope of Holdfast's keys. */
export type Scope = "read" | "operate" | "restore" | "worker";

/** Options for a test's project. */
export interface ProjectOptions {
  /** True for a newly created project. By default, a project is reused if possible. */
  fresh?: boolean;
  /** The repository's bucket. By default, a new one. */
  repository?: RepositoryBucket;
  /** Secrets other than the repository's. */
  secrets?: Record<string, string>;
  migrate?: boolean;
  /** A `supabase` folder other than this repository's, and the functions to serve from it. */
  directory?: string;
  functions?: string[];
  cdn?: boolean;
  name?: string;
  cron?: boolean | "manual" | "pg_cron";
  /** The limits of each isolate of its functions. */
  limits?: Input<"createProject">["limits"];
  /** Whether POSTs share a process. By default, the environment decides. */
  mode?: Input<"createProject">["mode"];
}

/**
 * For tests that check responses only. They need no separate process for each of hundreds of POSTs.
 */
export const ONE_PROCESS = { mode: "shared" } as const;

/** A function's response. */
export interface Answer {
  status: number;
  headers: Headers;
  // deno-lint-ignore no-explicit-any -- a JSON body, of which each test asserts what it expects
  body: any;
}

/** A run's row, with the sums of its cursors' counters. */
export interface RunRow {
  id: string;
  kind: string;
  state: "running" | "sealing" | "succeeded" | "failed" | "cancelled";
  sequence: number | null;
  code: string | null;
  message: string | null;
  remedy: string | null;
  // deno-lint-ignore no-explicit-any -- as above
  result: any;
  counters: Record<string, number>;
}

/** A project with Holdfast, with the operations of its admin and its users. */
export class TestProject implements AsyncDisposable, ProjectConnections {
  readonly #keys = new Map<Scope, Promise<string>>();

  private constructor(
    readonly client: ProjectClient,
    readonly repository: RepositoryBucket,
    /** A connection as the superuser, for assertions. */
    readonly sql: Connection,
  ) {}

  /** Creates a project whose functions run where the environment defines. */
  static async create(options: ProjectOptions = {}): Promise<TestProject> {
    const { repository = await createRepository(), fresh = false, ...rest } = options;
    const functions = functionsOptions(rest);
    const poolable = functions.mode === "in_process" && !fresh &&
      Object.keys(rest).every((name) => name === "secrets" || name === "mode");
    const client = poolable
      ? await stack.acquireProject({ secrets: rest.secrets ?? repository.secrets })
      : await stack.createProject({
        cron: "manual",
        secrets: repository.secrets,
        ...rest,
        ...functions,
      });
    return new TestProject(client, repository, connect(client.info.adminDatabaseUrl));
  }

  get url(): string {
    return this.client.url;
  }

  get secretKey(): string {
    return this.client.info.secretKey;
  }

  /** A supabase-js Storage client with the secret key. */
  get storage() {
    return storageClient(this.url, this.secretKey);
  }

  /** The repository's bucket, read without Holdfast. */
  get bucket(): S3Bucket {
    return new S3Bucket(this.repository);
  }

  /** The repository, read without Holdfast. */
  get reader(): RepositoryReader {
    return new RepositoryReader(this.bucket, this.repository.secrets.HOLDFAST_S3_PREFIX);
  }

  /** A key of a scope, created at the first call. */
  key(scope: Scope): Promise<string> {
    const made = this.#keys.get(scope) ?? this.createKey(scope, `test ${scope}`);
    this.#keys.set(scope, made);
    return made;
  }

  async createKey(scope: Scope, name: string): Promise<string> {
    const [row] = await this.sql<{ key: string }[]>`
      select holdfast.create_key(${scope}, ${name}) as key`;
    return row!.key;
  }

  /** Calls a function, optionally with a key. A body that is not a string is sent as JSON. */
  async call(
    method: string,
    path: string,
    { key, body }: { key?: string; body?: unknown } = {},
  ): Promise<Answer> {
    const response = await this.client.callFunction(path, {
      method,
      headers: key === undefined ? {} : { apikey: key },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get("content-type") ?? "");
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(text) : text,
    };
  }

  /** Starts a run, which must be accepted. Returns its id. */
  async start(
    path: "backup/runs" | "backup/imports" | "backup/take-over" | "restore/runs",
    body?: unknown,
  ) {
    const key = await this.key(path === "restore/runs" ? "restore" : "operate");
    const answer = await this.call("POST", `holdfast-${path}`, { key, body });
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    return answer.body.id as string;
  }

  /** Starts a backup and waits for its end. It must succeed. */
  async backup(): Promise<RunRow> {
    return await this.succeeded(await this.start("backup/runs"));
  }

  /** Backs up and reads the snapshot, with all checks. */
  async backupSnapshot(): Promise<Snapshot & { run: RunRow }> {
    const run = await this.backup();
    return { run, ...await this.reader.snapshot(run.result.snapshot) };
  }

  /** Starts a restore with `dry_run: false` and waits for its end. It must succeed. */
  async restore(options: { snapshot?: string; overwrite?: string } = {}): Promise<RunRow> {
    const body = { snapshot: "latest", dry_run: false, ...options };
    return await this.succeeded(await this.start("restore/runs", body));
  }

  /** Imports the repository's log. It must succeed. */
  async importLog(): Promise<RunRow> {
    return await this.succeeded(await this.start("backup/imports"));
  }

  /** The current state of a run. */
  async run(id: string): Promise<RunRow> {
    const [row] = await this.sql<RunRow[]>`
      select r.id, r.kind, r.state, r.sequence, r.code, r.message, r.remedy, r.result, (
        select coalesce(jsonb_object_agg(t.key, t.total), '{}') from (
          select n.key, sum(n.value::bigint)::bigint as total
          from holdfast_private.cursors c, jsonb_each_text(c.counters) n
          where c.run = r.id group by n.key) as t) as counters
      from holdfast_private.runs r where r.id = ${id}`;
    assert.ok(row, `there is no run ${id}`);
    return row;
  }

  /** Waits for the end of a run and of its slices. */
  async ended(id: string): Promise<RunRow> {
    await eventually(`the end of run ${id}`, async () => {
      const { state } = await this.run(id);
      return state !== "running" && state !== "sealing";
    }).catch(async (error) => {
      // On a slow machine, a slice may be killed at its CPU limit. Here only this tick continues
      // it.
      const isolates = await this.client.isolates();
      if (isolates.some(({ end }) => end === "cpu")) return await tickToTheEnd(this, id);
      throw new Error(`${error.message}\n${await this.#errors()}`);
    });
    await this.client.functionsIdle();
    return await this.run(id);
  }

  /** The last errors in the functions' logs, for the message of a failed test. */
  async #errors(): Promise<string> {
    const lines = (await this.client.functionLogs()).map(({ text }) => text);
    return lines.filter((line) => /error/i.test(line)).slice(-5).join("\n");
  }

  /** Waits for the end of a run, which must have succeeded. */
  async succeeded(id: string): Promise<RunRow> {
    const run = await this.ended(id);
    assert.equal(run.state, "succeeded", JSON.stringify(run));
    return run;
  }

  /** Adds a fault to this project's Storage. */
  async addStorageFault(rule: Input<"addStorageFault">["rule"]): Promise<void> {
    await this.client.call("addStorageFault", { rule });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sql.end({ timeout: 5 });
    await this.client[Symbol.asyncDispose]();
  }
}

/**
 * Where the functions under test run. By default, they run in the stack's process. Functions of
 * another folder and functions with limits need processes.
 */
function functionsOptions(
  { directory, functions, limits, mode }: ProjectOptions,
): Pick<Input<"createProject">, "deno" | "mode" | "limits"> {
  const wanted = functionsSchema.parse({
    deno: Deno.env.get(FUNCTIONS_VARIABLES.deno),
    mode: Deno.env.get(FUNCTIONS_VARIABLES.mode),
    limits: Deno.env.get(FUNCTIONS_VARIABLES.limits),
  });
  const needsProcesses = directory !== undefined || functions !== undefined ||
    limits !== undefined || mode === "per_post";
  if (wanted.mode === "in_process" && !needsProcesses) return { mode: "in_process" };
  return {
    deno: wanted.deno,
    limits: limits ?? wanted.limits,
    mode: mode ?? (wanted.mode === "in_process" ? "shared" : wanted.mode),
  };
}

const functionsSchema = z.object({
  deno: z.enum(["2.1.4", "2.9.6"]).default("2.9.6"),
  mode: z.enum(["shared", "per_post", "in_process"]).default("in_process"),
  limits: z.enum(["hosted", "selfHosted", "none"]).default("hosted"),
});
