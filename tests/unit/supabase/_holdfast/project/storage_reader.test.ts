import assert from "node:assert/strict";
import {
  createObjectReader,
  discardBody,
  storageAnswers,
} from "../../../../../supabase/functions/_holdfast/project/storage_reader.ts";
import { createRateLimiter } from "../../../../../supabase/functions/_holdfast/lib/concurrency/rate_limiter.ts";
import { type Answer, FakeTransport } from "../../fake_transport.ts";

const PROJECT = { url: "https://abc.supabase.co", secretKey: "sb_secret_1" };

function open(...answers: Answer[]) {
  const transport = new FakeTransport(...answers);
  return { reader: createObjectReader(PROJECT, transport), sent: transport.sent };
}

/** An error response of Storage: usually HTTP 400, with the actual status in the body. */
const error = (body: Record<string, unknown>, status = 400, headers: Record<string, string> = {}) =>
  Response.json(body, { status, headers });

/** Headers of a response with all bytes. */
const ETAG = { etag: '"e"' };

const read = (...answers: Answer[]) => open(...answers).reader.read("b", "n");

Deno.test("an object is requested as supabase-js does and bypasses every cache", async () => {
  const { reader, sent } = open(new Response("x", { headers: ETAG }));
  for (const name of ["a b/c", "a b/c"]) {
    const answer = await reader.read("my bucket", name);
    if (answer.kind === "bytes") await answer.response.body?.cancel();
  }
  const [first, second] = sent;
  assert.equal(first!.url.pathname, "/storage/v1/object/authenticated/my%20bucket/a%20b/c");
  assert.equal(first!.headers.get("apikey"), PROJECT.secretKey);
  assert.equal(first!.headers.get("authorization"), `Bearer ${PROJECT.secretKey}`);
  assert.equal(first!.headers.get("accept-encoding"), "identity");
  assert.equal(first!.headers.get("range"), null);
  const nonces = [first, second].map((request) => request!.url.searchParams.get("cacheNonce"));
  assert.notEqual(nonces[0], nonces[1]);
});

Deno.test("a response has the etag and states whether it came from a cache", async () => {
  const headers = { etag: 'W/"e-2"', "cf-cache-status": "HIT" };
  for (const [cache, fresh] of [["HIT", false], ["MISS", true], ["DYNAMIC", true]] as const) {
    const answer = await read(
      new Response("x", { headers: { ...headers, "cf-cache-status": cache } }),
    );
    assert.ok(answer.kind === "bytes");
    assert.deepEqual([answer.etag, answer.fresh], ["e-2", fresh]);
    await answer.response.body?.cancel();
  }
});

Deno.test("a range request needs a 206 response", async () => {
  const part = () => open(new Response("xy", { status: 206, headers: ETAG }));
  const { reader, sent } = part();
  const answer = await reader.read("b", "n", { first: 8, last: 9 });
  assert.equal(answer.kind, "bytes");
  if (answer.kind === "bytes") await answer.response.body?.cancel();
  assert.equal(sent[0]!.headers.get("range"), "bytes=8-9");
  const all = new Response("all of it", { headers: ETAG });
  const whole = await open(all).reader.read("b", "n", { first: 8, last: 9 });
  assert.equal(whole.kind, "failed", "the whole object in place of a part");
  assert.equal((await part().reader.read("b", "n")).kind, "failed", "a part in place of the whole");
});

const ANSWERS: [what: string, answer: () => Answer, kind: string][] = [
  [
    "no row",
    () => error({ statusCode: "404", error: "not_found", message: "Object not found" }),
    "missing",
  ],
  [
    "a row without bytes",
    () => error({ statusCode: "404", error: "Not found", message: "missing" }),
    "missing",
  ],
  ["a number for a status", () => error({ statusCode: 404, error: "not_found" }), "missing"],
  [
    "a name that it refuses",
    () => error({ statusCode: "400", error: "InvalidKey", message: "no" }),
    "unfetchable",
  ],
  [
    "the same by its code",
    () => error({ statusCode: "400", code: "InvalidKey", error: "x" }),
    "unfetchable",
  ],
  [
    "an error of its own",
    () => error({ statusCode: "500", error: "InternalError" }, 500),
    "failed",
  ],
  [
    "a timeout of its database",
    () => error({ statusCode: "544", error: "DatabaseTimeout" }, 544),
    "failed",
  ],
  ["a proxy's page", () => new Response("<html>Bad Gateway</html>", { status: 502 }), "failed"],
  // Storage answers with JSON: a 404 without JSON comes from another server.
  ["a proxy's 404", () => new Response("not here", { status: 404 }), "failed"],
  ["too many requests", () => new Response("", { status: 429 }), "failed"],
  // Otherwise it would count as an empty object.
  ["a proxy's empty 200", () => new Response("", { status: 200 }), "failed"],
  ["no content", () => new Response(null, { status: 204 }), "failed"],
  ["a connection that breaks", () => new TypeError("connection reset"), "failed"],
];
for (const [what, answer, kind] of ANSWERS) {
  Deno.test(`${what} is ${kind}`, async () => assert.equal((await read(answer())).kind, kind));
}

Deno.test("a refused key is an error for the run: no object can be read", async () => {
  const refused: Answer[] = [
    error({ statusCode: "403", error: "Unauthorized", code: "AccessDenied", message: "jwt" }),
    error({ statusCode: 403, error: "Unauthorized", code: "InvalidJWT" }),
    new Response("", { status: 401 }),
  ];
  for (const answer of refused) {
    await assert.rejects(read(answer), { code: "storage_key_refused" });
  }
});

Deno.test("a refusal is of the key if the key cannot list buckets either", async () => {
  for (const statusCode of ["401", "403", 403]) {
    const refusal = () => error({ statusCode, error: "Unauthorized", message: "jwt malformed" });
    for (const buckets of [refusal(), new Response("", { status: 401 })]) {
      await assert.rejects(read(refusal(), buckets), { code: "storage_key_refused" });
    }
    const { reader, sent } = open(refusal(), Response.json([]));
    assert.deepEqual(await reader.read("b", "n"), {
      kind: "failed",
      message: `Storage answered ${statusCode}: jwt malformed`,
      ofObject: true,
    });
    assert.equal(sent[1]!.url.pathname, "/storage/v1/bucket");
    for (const buckets of [new Response("", { status: 502 }), new TypeError("reset")]) {
      const answer = await read(refusal(), buckets);
      assert.deepEqual([answer.kind, "ofObject" in answer && answer.ofObject], ["failed", false]);
    }
  }
});

Deno.test("a refusal by Storage's backend concerns this object only", async () => {
  for (const statusCode of ["401", "403"]) {
    const { reader, sent } = open(
      error({ statusCode, error: "archived", message: "InvalidObjectState", code: "S3Error" }),
    );
    const answer = await reader.read("b", "n");
    assert.deepEqual([answer.kind, "ofObject" in answer && answer.ofObject], ["failed", true]);
    assert.equal(sent.length, 1, "nobody else is asked");
  }
});

Deno.test("a name that no URL can express is not requested", async () => {
  const { reader, sent } = open(new Response("x", { headers: ETAG }));
  assert.equal((await reader.read("b", "../b/other")).kind, "unfetchable");
  assert.deepEqual(sent, []);
});

Deno.test("a busy server's Retry-After is returned", async () => {
  const answer = await read(error({ statusCode: "503" }, 503, { "retry-after": "3" }));
  assert.ok(answer.kind === "failed");
  assert.equal(answer.retryAfterMs, 3_000);
});

Deno.test("errors about the object are classified apart from possible outages", async () => {
  const classify = async (answer: Answer) => {
    const { kind, ofObject, busy } = await read(answer) as
      & { kind: string }
      & Record<string, unknown>;
    assert.equal(kind, "failed");
    return [ofObject ?? false, busy ?? false];
  };
  assert.deepEqual(await classify(error({ statusCode: "416", error: "InvalidRange" })), [
    true,
    false,
  ]);
  assert.deepEqual(await classify(error({ statusCode: "500", error: "Internal" }, 500)), [
    false,
    false,
  ]);
  assert.deepEqual(await classify(error({ statusCode: "503", error: "SlowDown" })), [false, true]);
  assert.deepEqual(await classify(error({ statusCode: "429", error: "Busy" }, 429)), [false, true]);
  assert.deepEqual(await classify(error({ statusCode: "408", error: "Timeout" })), [false, false]);
  const page = (status: number) => new Response("<html>sorry</html>", { status });
  assert.deepEqual(await classify(page(503)), [false, true]);
  for (const status of [400, 404, 500, 502, 504]) {
    assert.deepEqual(await classify(page(status)), [false, false], `${status}`);
  }
  assert.deepEqual(await classify(new TypeError("connection refused")), [false, false]);
});

Deno.test("bytes read are counted by the response's length, and an unread body counts nothing", async () => {
  const bytes = () => new Response("12345", { headers: { ...ETAG, "content-length": "5" } });
  const transport = new FakeTransport(bytes(), error({ statusCode: "503" }, 503), bytes(), bytes());
  const rateLimiter = createRateLimiter(32, transport.clock);
  const reader = createObjectReader(PROJECT, transport, rateLimiter);
  const take = async () => {
    const answer = await reader.read("b", "n", undefined, 5);
    return answer.kind === "bytes" ? answer.response : undefined;
  };
  assert.equal((await (await take())!.arrayBuffer()).byteLength, 5);
  assert.equal(rateLimiter.takeBytesRead(), 5);
  assert.equal(await take(), undefined);
  assert.equal(rateLimiter.takeBytesRead(), 0);
  assert.equal(rateLimiter.concurrency.limit(), 16, "a busy server is asked for less at once");
  await discardBody((await take())!);
  assert.equal(rateLimiter.takeBytesRead(), 0);
  // The expected bytes of a failed request do not delay later requests.
  rateLimiter.setRates({ bytes_per_second: 1, requests_per_second: null });
  await reader.read("b", "../n", undefined, 1e9);
  assert.equal(rateLimiter.waitMs(), 0);
});

Deno.test("the probe reports whether Storage responds", async () => {
  const ask = async (answer: Answer) => {
    const transport = new FakeTransport(answer);
    const answers = await storageAnswers(PROJECT, transport);
    const { sent } = transport;
    assert.equal(sent[0]!.url.pathname, "/storage/v1/bucket");
    assert.equal(sent[0]!.headers.get("apikey"), PROJECT.secretKey);
    return answers;
  };
  assert.equal(await ask(Response.json([])), true);
  assert.equal(await ask(new Response("sorry", { status: 502 })), false);
  assert.equal(await ask(new TypeError("connection refused")), false);
});
