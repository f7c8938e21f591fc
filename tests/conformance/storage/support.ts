import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type postgres from "postgres";
import { signToken, type StorageServer } from "../../../stack/storage/mod.ts";
import { project } from "./context.ts";

/** A request's options beyond its method and path. */
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

/** The same, for an answer that must be a success; its JSON. */
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

/** What a refusal says, with the HTTP status it came with. */
export interface Refusal {
  status: number;
  statusCode: string;
  error: string;
  message: string;
  code: string;
}

/** Reads an answer that must be a refusal. */
export async function refusalOf(answer: Response | Promise<Response>): Promise<Refusal> {
  const response = await answer;
  const text = await response.text();
  assert.equal(response.ok, false, `a success: ${text.slice(0, 200)}`);
  return { status: response.status, ...JSON.parse(text) };
}

/** Holds a refusal against what the body must say; the HTTP status is 400 where it is not named. */
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
  /** As Postgres writes it, to the microsecond; texts of one session compare as times do. */
  created_at: string;
  updated_at: string;
}

/** An object's path as a URL has it: each segment percent-encoded by itself. */
export function encodeName(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}

/** What a test does to a bucket of its own. */
export class Bucket {
  constructor(readonly id: string) {}

  /** `/object…/<bucket>/<name>`; `route` is what stands between. */
  path(name: string, route = ""): string {
    return `/object${route}/${encodeURIComponent(this.id)}/${encodeName(name)}`;
  }

  /** Uploads, overwriting what is there; must succeed. Answers the object's id. */
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

  /** Past a CDN, which may be there and not know yet what a test just wrote. */
  async get(
    name: string,
    headers: Record<string, string> = {},
    signal?: AbortSignal,
  ): Promise<Response> {
    const path = `${this.path(name, "/authenticated")}?cacheNonce=${crypto.randomUUID()}`;
    return await call("GET", path, { headers, signal });
  }

  /** The object's bytes, which must be there. */
  async bytes(name: string): Promise<Uint8Array> {
    const response = await this.get(name);
    const bytes = await response.bytes();
    assert.equal(response.status, 200, `${name}: ${new TextDecoder().decode(bytes)}`);
    return bytes;
  }

  async text(name: string): Promise<string> {
    return new TextDecoder().decode(await this.bytes(name));
  }

  /** What object/info says. */
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

  /** Puts a row in by SQL: no bytes come with it. */
  async insertRow(name: string, version: string | null = crypto.randomUUID()): Promise<void> {
    const metadata = { eTag: '"0"', size: 3, mimetype: "text/plain", cacheControl: "no-cache" };
    await sqlOf()`
      insert into storage.objects (bucket_id, name, version, metadata)
      values (${this.id}, ${name}, ${version}, ${sqlOf().json(metadata)})`;
  }
}

/** The database of the project; only for tests that say they need it. */
export function sqlOf(): postgres.Sql {
  assert(project.sql, "the test must say that it needs sql");
  return project.sql;
}

/** The stand-in; only for tests that say they need it. */
export function standInOf(): StorageServer {
  assert(project.standIn, "the test must say that it needs the stand-in");
  return project.standIn;
}

/** Waits for what will be so. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!await condition()) {
    assert(Date.now() < deadline, `waited in vain until ${condition}`);
    await new Promise((done) => setTimeout(done, 10));
  }
}

/** Waits until the stand-in has nothing under way; any other Storage cannot be asked. */
export async function standInAtRest(): Promise<void> {
  await until(() => !project.standIn || project.standIn.requests.inFlight === 0);
}

/** A token for a user, or for nobody. */
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

/** What a test needs besides HTTP; where it is not given the test is skipped. */
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

/** What a test does with a bucket of its own. */
type BucketTest = (bucket: Bucket) => Promise<void>;

/** What it needs, and the settings of its bucket. */
interface BucketTestOptions {
  needs?: Need[];
  settings?: Record<string, unknown>;
}

/** Registers a test with a bucket of its own. */
export function bucketTest(name: string, test: BucketTest): void;
export function bucketTest(name: string, options: BucketTestOptions, test: BucketTest): void;
export function bucketTest(
  name: string,
  ...rest: [BucketTest] | [BucketTestOptions, BucketTest]
): void {
  const [options, test] = rest.length === 2 ? rest : [{}, rest[0]];
  storageTest(name, options.needs ?? [], () => withBucket(test, options.settings));
}

/** Gives a test a bucket with a random name and removes it, whatever came of the test. */
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

/** Empties a bucket, for which a hosted project takes its time, and deletes it. */
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

/** User metadata as the x-metadata header takes it. */
export function encodeMetadata(metadata: unknown): string {
  return Buffer.from(JSON.stringify(metadata)).toString("base64");
}

/** Bytes that no compression shrinks and that differ from place to place. */
export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65536));
  }
  return bytes;
}
