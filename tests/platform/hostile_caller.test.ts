import assert from "node:assert/strict";
import fc from "fast-check";
import { ERRORS } from "../../supabase/functions/_holdfast/config/errors.ts";
import { readText, writeAll } from "../support/raw_connection.ts";
import { ONE_PROCESS, TestProject } from "../support/project.ts";
import { NO_RUN } from "../support/routes.ts";

/** Requests in one run of the property. A failure prints its seed. */
const REQUESTS = 200;

const FUNCTIONS = ["holdfast-backup", "holdfast-restore", "holdfast-api"] as const;

/** A request exactly as it is sent. The path is not normalised. */
interface InvalidRequest {
  method: string;
  path: string;
  headers: [name: string, value: string][];
  body: Uint8Array<ArrayBuffer>;
}

/** The response exactly as it was received. */
interface RawAnswer {
  status: number;
  head: string;
  body: string;
}

const encoder = new TextEncoder();
const hex = (length: number) =>
  fc.array(fc.constantFrom(..."0123456789abcdef"), { minLength: length, maxLength: length })
    .map((digits) => digits.join(""));

const segment = fc.oneof(
  fc.constantFrom("runs", "work", "imports", "take-over", "cancel", "backups", NO_RUN),
  fc.constantFrom("..", ".", "%2e%2e", "%2f", "%00", "%ff", "%", "", "*", "__proto__", "runs%0a"),
  fc.constantFrom(
    "'",
    "%27;drop%20table%20holdfast.runs;--",
    "runs?x=1",
    "runs#x",
    "a".repeat(2_000),
  ),
);
const path = fc.tuple(
  fc.constantFrom(...FUNCTIONS),
  fc.array(segment, { maxLength: 4 }),
).map(([name, segments]) => `/functions/v1/${[name, ...segments].join("/")}`);

/** Keys without the required scope: malformed, unknown, and with the scope `read`. */
const badKeys = (readKey: string) =>
  fc.oneof(
    fc.constantFrom(
      "",
      "hf_",
      "null",
      "Bearer",
      "' or 1=1 --",
      "a".repeat(4_000),
      "\u00e9",
      readKey,
    ),
    fc.tuple(fc.constantFrom("worker", "read", "operate", "restore"), hex(12), hex(64))
      .map(([scope, id, secret]) => `hf_${scope}_${id}_${secret}`),
  );
const headers = (readKey: string) =>
  fc.array(
    fc.oneof(
      badKeys(readKey).map((key): [string, string] => ["apikey", key]),
      badKeys(readKey).map((key): [string, string] => ["authorization", `Bearer ${key}`]),
      fc.constantFrom<[string, string][]>(
        ["x-http-method-override", "DELETE"],
        ["x-forwarded-host", "evil.example"],
        ["x-original-url", "/holdfast-backup/work"],
        ["content-type", "text/xml"],
        ["content-encoding", "gzip"],
        ["expect", "nothing"],
        ["cookie", "a".repeat(4_000)],
      ),
    ),
    { maxLength: 4 },
  );

const body = fc.oneof(
  fc.json().map((text) => encoder.encode(text)),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => new Uint8Array(bytes)),
  fc.constantFrom(
    '{"__proto__": {"dry_run": false}}',
    '{"constructor": {"prototype": {"dry_run": false}}}',
    '{"snapshot": "../../holdfast.json"}',
    `{"snapshot": "latest'; drop schema holdfast cascade; --"}`,
    '{"snapshot": "latest", "endpoint": "http://169.254.169.254/"}',
    '{"run": "\\u0000"}',
    "[".repeat(30_000),
    '"' + "a".repeat(70_000) + '"',
  ).map((text) => encoder.encode(text)),
);

/** Sends a request over its own connection and reads until the connection closes. */
async function send(url: string, request: InvalidRequest): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const lines = [
    `${request.method} ${request.path} HTTP/1.1`,
    `host: ${hostname}:${port}`,
    "connection: close",
    `content-length: ${request.body.length}`,
    ...request.headers.map(([name, value]) => `${name}: ${value}`),
  ];
  const sent = (async () => {
    await writeAll(connection, `${lines.join("\r\n")}\r\n\r\n`);
    await writeAll(connection, request.body);
  })();
  // The server may close the connection before it has read the entire request.
  const [text] = await Promise.all([readText(connection), sent.catch(() => {})]);
  const end = text.indexOf("\r\n\r\n");
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0),
    head: text.slice(0, end),
    body: text.slice(end + 4),
  };
}

/**
 * Asserts a refusal with a code of the error catalogue, or the list that the scope `read` allows.
 */
function assertRefused({ status, head, body }: RawAnswer, what: InvalidRequest): void {
  const shown = JSON.stringify({ ...what, body: new TextDecoder().decode(what.body) }).slice(
    0,
    500,
  );
  if (status === 200) return assert.match(what.path, /holdfast-api/, shown);
  assert.ok(status >= 400 && status < 500, `${status} ${body.slice(0, 300)} to ${shown}`);
  // An invalid HTTP request never reaches a function.
  if (!/problem\+json/.test(head)) return assert.ok([400, 404, 431].includes(status), head);
  if (what.method === "HEAD") return;
  const code = /"code": "(\w+)"/.exec(body)?.[1] ?? "none";
  assert.ok(code in ERRORS && code !== "internal", `${code} to ${shown}`);
}

Deno.test("every invalid request is refused with a documented error, and no run starts", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  const readKey = await project.key("read");
  const [before] = await counts(project);
  const request = fc.record({
    method: fc.constantFrom("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"),
    path,
    headers: headers(readKey),
    body,
  });
  await fc.assert(
    fc.asyncProperty(request, async (odd) => {
      const answer = await send(project.url, odd);
      assertRefused(answer, odd);
      assert.ok(!answer.body.includes(readKey), "the key is in the answer");
    }),
    { numRuns: REQUESTS },
  );
  assert.deepEqual((await counts(project))[0], before);
  const logs = (await project.client.functionLogs()).map(({ text }) => text).join("\n");
  assert.ok(!logs.includes(readKey), "the key is in the log");
  await project.backup();
});

/** Whether a body is a valid empty request. */
function isEmptyBody(bytes: Uint8Array): boolean {
  return ["", "{}"].includes(new TextDecoder().decode(bytes).replace(/\s/g, ""));
}

Deno.test("a valid key with an invalid body starts no run", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  const keys = { operate: await project.key("operate"), restore: await project.key("restore") };
  const route = fc.constantFrom(
    ["holdfast-backup/runs", keys.operate],
    ["holdfast-backup/imports", keys.operate],
    ["holdfast-backup/take-over", keys.operate],
    ["holdfast-restore/runs", keys.restore],
  );
  await fc.assert(
    fc.asyncProperty(route, body, async ([path, key], body) => {
      fc.pre(!isEmptyBody(body));
      const request = { method: "POST", path: `/functions/v1/${path}`, body };
      const answer = await send(project.url, { ...request, headers: [["apikey", key!]] });
      assert.equal(answer.status, 400, `${path}: ${new TextDecoder().decode(body).slice(0, 300)}`);
      assert.match(answer.body, /"code": "request_invalid"/);
    }),
    { numRuns: REQUESTS },
  );
  assert.equal((await counts(project))[0].runs, 0);
});

Deno.test("a request inside another request's body is not processed", async () => {
  await using project = await TestProject.create(ONE_PROCESS);
  const key = await project.key("operate");
  const hidden = "POST /functions/v1/holdfast-backup/runs HTTP/1.1\r\nhost: a\r\n" +
    `apikey: ${key}\r\ncontent-length: 2\r\n\r\n{}`;
  const framings: [string, string][][] = [
    [["transfer-encoding", "chunked"]],
    [["transfer-encoding", "chunked"], ["transfer-encoding", "identity"]],
    [["content-length", "0"]],
    [["transfer-encoding", " chunked"], ["x-a", "b\tc"]],
  ];
  for (const headers of framings) {
    await send(project.url, {
      method: "POST",
      path: "/functions/v1/holdfast-backup/nothing",
      headers,
      body: encoder.encode(`0\r\n\r\n${hidden}`),
    });
  }
  const [{ runs }] = await counts(project);
  assert.equal(runs, 0);
});

function counts(project: TestProject) {
  return project.sql<[{ runs: number; keys: number; settings: string }]>`
    select (select count(*)::int from holdfast_private.runs) as runs,
      (select count(*)::int from holdfast_private.keys) as keys,
      (select md5(string_agg(s::text, ',' order by s.name)) from holdfast_private.settings s) as settings`;
}
