import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type postgres from "postgres";
import { signToken, type StorageServer } from "../../../stack/storage/mod.ts";
import { project } from "./context.ts";

/** The options of a request besides its method and path. */
export interface CallOptions {
  /**
   * The Bearer token; the service key by default, which goes along as `apikey`. Null for neither.
   */
  key?: string | null;
  headers?: Record<string, string>;
  body?: BodyInit;
  /** Sent as a JSON body. */
  json?: unknown;
  signal?: AbortSignal;
}

/** Sends a request to a path below `/storage/v1`, with the keys as supabase-js sends them. */
export async function call(
  method: string,
  path: string,
  { key = project.serviceKey, headers, body, json, signal }: CallOptions = {},
): Promise<Response> {
  const auth: Record<string, string> = key === null
    ? {}
    : { apikey: project.serviceKey, authorization: `Bearer ${key}` };
  return await fetch(`${project.url}/storage/v1${path}`, {
    method,
    headers: {
      ...auth,
      ...(json === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    body: json === undefined ? body : JSON.stringify(json),
    signal,
  });
}

/** The same for a request that must succeed. Returns the JSON. */
export async function callJson<Value>(
  method: string,
  path: string,
  options?: CallOptions,
): Promise<Value> {
  const response = await call(method, path, options);
  const text = await response.text();
  assert.equal(response.status, 200, `${method} ${path}: ${text}`);
  return JSON.parse(text);
}

/** The body and the HTTP status of a refusal. */
export interface Refusal {
  status: number;
  statusCode: string;
  error: string;
  message: string;
  code: string;
}

/** Reads a response that must be a refusal. */
export async function refusalOf(answer: Response | Promise<Response>): Promise<Refusal> {
  const response = await answer;
  const text = await response.text();
  assert.equal(response.ok, false, `a success: ${text.slice(0, 200)}`);
  return { status: response.status, ...JSON.parse(text) };
}

/** Compares a refusal's body with the expected one; the HTTP status is 400 by default. */
export async function assertRefused(
  answer: Response | Promise<Response>,
  expected: Partial<Refusal>,
): Promise<void> {
  const refusal = await refusalOf(answer);
  const wanted = { status: 400, ...expected };
  const said = Object.fromEntries(
    Object.keys(wanted).map((name) => [name, refusal[name as keyof Refusal]]),
  );
  assert.deepEqual(said, wanted);
}

/** A row of storage.objects. */
export interface Row {
  id: string;
  bucket_id: string;
  name: string;
  owner: string | null;
  owner_id: string | null;
  version: string | null;
  metadata: Record<string, unknown> | null;
  user_metadata: Record<string, unknown> | null;
  /** In Postgres's format, to the microsecond; texts of one session sort like times. */
  created_at: string;
  updated_at: string;
}

/** An object's path as a URL has it: each segment percent-encoded by itself. */
export function encodeName(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}

/** The operations of a test on its own bucket. */
export class Bucket {
  constructor(readonly id: string) {}

  /** The path `/object<route>/<bucket>/<name>`. */
  path(name: string, route = ""): string {
    return `/object${route}/${encodeURIComponent(this.id)}/${encodeName(name)}`;
  }

  /** Uploads an object and overwrites an existing one; must succeed. Returns the object's id. */
  async put(
    name: string,
    body: BodyInit = "x",
    headers: Record<string, string> = {},
    key?: string,
  ): Promise<string> {
    const answer = await callJson<{ Id: string; Key: string }>("POST", this.path(name), {
      body,
      headers: { "content-type": "text/plain", "x-upsert": "true", ...headers },
      key,
    });
    assert.equal(answer.Key, `${this.id}/${name}`);
    return answer.Id;
  }

  /** A GET that bypasses a CDN, which may not have the newest bytes. */
  async get(
    name: string,
    headers: Record<string, string> = {},
    signal?: AbortSignal,
  ): Promise<Response> {
    const path = `${this.path(name, "/authenticated")}?cacheNonce=${crypto.randomUUID()}`;
    return await call("GET", path, { headers, signal });
  }

  /** The object's bytes, which must exist. */
  async bytes(name: string): Promise<Uint8Array> {
    const response = await this.get(name);
    const bytes = await response.bytes();
    assert.equal(response.status, 200, `${name}: ${new TextDecoder().decode(bytes)}`);
    return bytes;
  }

  async text(name: string): Promise<string> {
    return new TextDecoder().decode(await this.bytes(name));
  }

  /** The response of object/info. */
  async info(name: string): Promise<Record<string, unknown>> {
    return await callJson("GET", this.path(name, "/info"));
  }

  /** The object's row, or undefined. */
  async row(name: string): Promise<Row | undefined> {
    const [row] = await sqlOf()<Row[]>`
      select *, created_at::text, updated_at::text
      from storage.objects where bucket_id = ${this.id} and name = ${name}`;
    return row;
  }

  /** Inserts a row by SQL, without bytes. */
  async insertRow(name: string, version: string | null = crypto.randomUUID()): Promise<void> {
    const metadata = { eTag: '"0"', size: 3, mimetype: "text/plain", cacheControl: "no-cache" };
    await sqlOf()`
      insert into storage.objects (bucket_id, name, version, metadata)
      values (${this.id}, ${name}, ${version}, ${sqlOf().json(metadata)})`;
  }
}

/** The database of the project; only for tests that need `sql`. */
export function sqlOf(): postgres.Sql {
  assert(project.sql, "the test must say that it needs sql");
  return project.sql;
}

/** The stand-in; only for tests that need `stand-in`. */
export function standInOf(): StorageServer {
  assert(project.standIn, "the test must say that it needs the stand-in");
  return project.standIn;
}

/** Waits until a condition is true. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!await condition()) {
    assert(Date.now() < deadline, `waited in vain until ${condition}`);
    await new Promise((done) => setTimeout(done, 10));
  }
}

/** Waits until the stand-in has no running request; another Storage cannot report that. */
export async function standInAtRest(): Promise<void> {
  await until(() => !project.standIn || project.standIn.requests.inFlight === 0);
}

/** A token for a user, or without a user. */
export function tokenFor(
  role: "authenticated" | "anon" | "service_role",
  sub?: string,
  lifetimeSeconds = 600,
): string {
  assert(project.jwtSecret, "the test must say that it needs tokens");
  return signToken(
    { role, ...(sub === undefined ? {} : { sub }) },
    project.jwtSecret,
    lifetimeSeconds,
  );
}

/** The requirements of a test besides HTTP. Without them the test is skipped. */
export type Need = "sql" | "tokens" | "stand-in";

/** Registers a test. */
export function storageTest(name: string, needs: Need[], test: () => Promise<void>): void {
  const given: Record<Need, unknown> = {
    sql: project.sql,
    tokens: project.jwtSecret,
    "stand-in": project.standIn,
  };
  Deno.test({ name, fn: test, ignore: needs.some((need) => given[need] === undefined) });
}

/** The body of a test with its own bucket. */
type BucketTest = (bucket: Bucket) => Promise<void>;

/** The requirements of a test, and the settings of its bucket. */
interface BucketTestOptions {
  needs?: Need[];
  settings?: Record<string, unknown>;
}

/** Registers a test with its own bucket. */
export function bucketTest(name: string, test: BucketTest): void;
export function bucketTest(name: string, options: BucketTestOptions, test: BucketTest): void;
export function bucketTest(
  name: string,
  ...rest: [BucketTest] | [BucketTestOptions, BucketTest]
): void {
  const [options, test] = rest.length === 2 ? rest : [{}, rest[0]];
  storageTest(name, options.needs ?? [], () => withBucket(test, options.settings));
}

/** Creates a bucket with a random name for a test and removes it after the test. */
export async function withBucket(
  test: (bucket: Bucket) => Promise<void>,
  settings: Record<string, unknown> = {},
): Promise<void> {
  const id = randomName("conformance");
  await callJson("POST", "/bucket", { json: { id, name: id, ...settings } });
  try {
    await test(new Bucket(id));
  } finally {
    await removeBucket(id);
  }
}

export function randomName(prefix: string): string {
  return `${prefix}-${crypto.randomUUID().slice(0, 12)}`;
}

/** Empties a bucket, which is slow in a hosted project, and deletes it. */
export async function removeBucket(id: string): Promise<void> {
  const path = `/bucket/${encodeURIComponent(id)}`;
  const deadline = Date.now() + 120_000;
  for (;;) {
    const emptied = await call("POST", `${path}/empty`, { json: {} });
    await emptied.body?.cancel();
    const response = await call("DELETE", path, { json: {} });
    const answer = await response.json();
    if (response.ok || answer.code === "NoSuchBucket") return;
    if (answer.code !== "ResourceNotEmpty" || Date.now() > deadline) {
      throw new Error(`bucket ${id} was not removed: ${JSON.stringify(answer)}`);
    }
    await new Promise((done) => setTimeout(done, 250));
  }
}

/** User metadata in the encoding of the x-metadata header. */
export function encodeMetadata(metadata: unknown): string {
  return Buffer.from(JSON.stringify(metadata)).toString("base64");
}

/** Incompressible bytes in which all parts differ. */
export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65536));
  }
  return bytes;
}
