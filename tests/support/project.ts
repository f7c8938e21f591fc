import assert from "node:assert/strict";
import { z } from "zod";
import { FUNCTIONS_VARIABLES } from "../run/groups.ts";
import { connectStack } from "../../stack/client.ts";
import type { Input, Output } from "../../stack/control/operations.ts";
import { connect, type Connection } from "../../stack/postgres/connection.ts";
import type { ProjectClient } from "../../stack/project_client.ts";
import { eventually } from "./eventually.ts";
import type { ProjectDoors } from "./project_reader.ts";
import { RepositoryReader, type Snapshot } from "../../stack/repository_reader.ts";
import { S3Bucket } from "../../stack/s3_bucket.ts";
import { storageClient } from "./storage_client.ts";
import { tickToTheEnd } from "./tick.ts";

/** The stack that all tests of a process talk to. */
export const stack = await connectStack();

/** A bucket for a repository, as the stack makes it. */
export type RepositoryBucket = Output<"createRepositoryBucket">;

/**
 * An empty repository: a bucket of the stack's, or a prefix of its own in the bucket of the server
 * that HOLDFAST_TEST_S3_ENDPOINT and its like name.
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

/** How a project for a test is made. */
export interface ProjectOptions {
  /** True for a project that nobody had before; by default one is borrowed where that will do. */
  fresh?: boolean;
  /** The repository's bucket; by default a new one. */
  repository?: RepositoryBucket;
  /** Other secrets than those of the repository. */
  secrets?: Record<string, string>;
  migrate?: boolean;
  /** Another folder `supabase` than this repository's, and which of its functions are served. */
  directory?: string;
  functions?: string[];
  cdn?: boolean;
  name?: string;
  cron?: boolean | "manual" | "pg_cron";
  /** What each isolate of its functions may use. */
  limits?: Input<"createProject">["limits"];
  /** Whether POSTs share a process; by default as the environment asks. */
  mode?: Input<"createProject">["mode"];
}

/** For what only looks at answers: a process for each of hundreds of POSTs would show no more. */
export const ONE_PROCESS = { mode: "shared" } as const;

/** What a function answered. */
export interface Answer {
  status: number;
  headers: Headers;
  // deno-lint-ignore no-explicit-any -- a JSON body, of which each test asserts what it expects
  body: any;
}

/** A run as its row says, with the sum of its cursors' counters. */
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

/** A project with Holdfast in it, as its admin and its users handle it. */
export class TestProject implements AsyncDisposable, ProjectDoors {
  readonly #keys = new Map<Scope, Promise<string>>();

  private constructor(
    readonly client: ProjectClient,
    readonly repository: RepositoryBucket,
    /** As the superuser, to look at everything. */
    readonly sql: Connection,
  ) {}

  /** Makes a project whose functions run where the environment asks for. */
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

  /** Storage as supabase-js gives it to somebody with the secret key. */
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

  /** A key of a scope, made at the first call. */
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

  /** Calls a function with a key, or without one; a body that is no text is sent as JSON. */
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

  /** Starts a run, which must be accepted; answers its id. */
  async start(
    path: "backup/runs" | "backup/imports" | "backup/take-over" | "restore/runs",
    body?: unknown,
  ) {
    const key = await this.key(path === "restore/runs" ? "restore" : "operate");
    const answer = await this.call("POST", `holdfast-${path}`, { key, body });
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    return answer.body.id as string;
  }

  /** Starts a backup and waits for its end; it must succeed. */
  async backup(): Promise<RunRow> {
    return await this.succeeded(await this.start("backup/runs"));
  }

  /** Backs up and reads the snapshot, all of it checked. */
  async backupSnapshot(): Promise<Snapshot & { run: RunRow }> {
    const run = await this.backup();
    return { run, ...await this.reader.snapshot(run.result.snapshot) };
  }

  /** Starts a restore that is no dry run and waits for its end; it must succeed. */
  async restore(options: { snapshot?: string; overwrite?: string } = {}): Promise<RunRow> {
    const body = { snapshot: "latest", dry_run: false, ...options };
    return await this.succeeded(await this.start("restore/runs", body));
  }

  /** Imports the repository's log; it must succeed. */
  async importLog(): Promise<RunRow> {
    return await this.succeeded(await this.start("backup/imports"));
  }

  /** A run as it is now. */
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

  /** Waits for the end of a run and of the slices that worked on it. */
  async ended(id: string): Promise<RunRow> {
    await eventually(`the end of run ${id}`, async () => {
      const { state } = await this.run(id);
      return state !== "running" && state !== "sealing";
    }).catch(async (error) => {
      // On a slow machine one may be killed at its CPU. The tick goes on after it, and here nobody else.
      const isolates = await this.client.isolates();
      if (isolates.some(({ end }) => end === "cpu")) return await tickToTheEnd(this, id);
      throw new Error(`${error.message}\n${await this.#errors()}`);
    });
    await this.client.functionsIdle();
    return await this.run(id);
  }

  /** What the functions wrote of errors, for whoever reads why a test failed. */
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

  /** Has the Storage of this project do something wrong. */
  async addStorageFault(rule: Input<"addStorageFault">["rule"]): Promise<void> {
    await this.client.call("addStorageFault", { rule });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sql.end({ timeout: 5 });
    await this.client[Symbol.asyncDispose]();
  }
}

/**
 * Where the functions under test run: by default in the stack's process. Those of another folder, and
 * those that are limited, need processes.
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
