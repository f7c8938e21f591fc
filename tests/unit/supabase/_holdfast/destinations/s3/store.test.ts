import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { HoldfastError } from "../../../../../../supabase/functions/_holdfast/config/errors.ts";
import { createS3Store } from "../../../../../../supabase/functions/_holdfast/destinations/s3/store.ts";
import type { RepositoryStore } from "../../../../../../supabase/functions/_holdfast/destinations/store.ts";
import type { RepositorySettings } from "../../../../../../supabase/functions/_holdfast/config/environment.ts";
import type { Answer } from "../../../fake_transport.ts";
import { TestClock } from "../../../test_clock.ts";
import { open, refused, SETTINGS, xml } from "./s3_fixture.ts";

const BYTES = new TextEncoder().encode("some bytes");
const SHA256 = "1".repeat(64);
/** Longer than the time limit of a request, in milliseconds. */
const HOUR_MS = 3_600_000;

const empty = (status: number, headers: Record<string, string> = {}) =>
  new Response(null, { status, headers });
const ok = () => new Response(BYTES);
const stored = () => empty(200, { etag: '"e"' });

const LOCATIONS: [what: string, settings: Partial<RepositorySettings>, url: string][] = [
  ["in the path", {}, "https://s3.example.com/backups/team/holdfast/data/a%20b/%C3%A9%2B"],
  [
    "in the host name",
    { forcePathStyle: false },
    "https://backups.s3.example.com/team/holdfast/data/a%20b/%C3%A9%2B",
  ],
  [
    "below a folder of the endpoint",
    { endpoint: "http://127.0.0.1:9/s3" },
    "http://127.0.0.1:9/s3/backups/team/holdfast/data/a%20b/%C3%A9%2B",
  ],
];
for (const [what, settings, url] of LOCATIONS) {
  Deno.test(`the bucket is ${what}, and the key is below the prefix`, async () => {
    const { store, sent } = open(settings, ok());
    await store.get("data/a b/é+", 100);
    assert.equal(sent[0]!.url.href, url);
  });
}

Deno.test("every request is signed for its URL and its bytes", async () => {
  const { store, sent } = open({}, stored());
  await store.put("a", BYTES, { sha256: SHA256 });
  const { headers } = sent[0]!;
  assert.match(
    headers.get("authorization")!,
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/s3\/aws4_request,SignedHeaders=content-type;host;if-none-match;x-amz-content-sha256;x-amz-date;x-amz-meta-sha256,/,
  );
  assert.equal(headers.get("x-amz-content-sha256"), SHA256);
  assert.equal(headers.get("x-amz-meta-sha256"), SHA256);
});

Deno.test("an object is read completely, and a missing one is not an error", async () => {
  assert.deepEqual(await open({}, ok()).store.get("a", 100), BYTES);
  for (const missing of [xml(404, "NoSuchKey"), empty(404)]) {
    assert.equal(await open({}, missing).store.get("a", 100), undefined);
    assert.equal(await open({}, missing).store.open("a"), undefined);
    assert.equal(await open({}, missing).store.head("a"), undefined);
  }
});

Deno.test("a missing bucket is not reported as a missing object", async () => {
  const missing = () => open({}, xml(404, "NoSuchBucket")).store;
  await refused(
    () => missing().get("a", 100),
    "repository_bucket_missing",
    /^GET a: NoSuchBucket, why$/,
  );
  await refused(() => missing().open("a"), "repository_bucket_missing");
  await refused(() => missing().put("a", BYTES, { sha256: SHA256 }), "repository_bucket_missing");
});

Deno.test("an object over the size limit is refused, with and without a stated length", async () => {
  const stated = new Response(BYTES, { headers: { "content-length": "10" } });
  await refused(
    () => open({}, stated).store.get("a", 9),
    "repository_damaged",
    /larger than 9 bytes/,
  );
  await refused(() => open({}, ok()).store.get("a", 9), "repository_damaged");
});

Deno.test("an object's size, etag and digest are read from its headers", async () => {
  const answer = empty(200, {
    "content-length": "10",
    etag: '"e"',
    "x-amz-meta-sha256": SHA256,
  });
  assert.deepEqual(await open({}, answer).store.head("a"), { size: 10, etag: "e", sha256: SHA256 });
  const withoutEtag = empty(200, { "content-length": "0" });
  assert.deepEqual(await open({}, withoutEtag).store.head("a"), {
    size: 0,
    etag: "",
    sha256: undefined,
  });
});

Deno.test("a put reports whether the object already exists", async () => {
  const { store, sent } = open({}, stored(), xml(412, "PreconditionFailed"));
  assert.equal(await store.put("a", BYTES, { sha256: SHA256 }), "stored");
  assert.equal(await store.put("a", BYTES, { sha256: SHA256 }), "exists");
  assert.deepEqual(sent.map(({ headers }) => headers.get("if-none-match")), ["*", "*"]);
  assert.deepEqual(sent.map(({ method, body }) => [method, body]), [["PUT", BYTES], [
    "PUT",
    BYTES,
  ]]);
});

Deno.test("a success without an etag is an error: the object may not be stored", async () => {
  const { store, sent } = open({}, empty(200), stored());
  assert.equal(await store.put("a", BYTES, { sha256: SHA256 }), "stored");
  assert.equal(sent.length, 2);
  const { store: never } = open({}, empty(200));
  await refused(() => never.put("a", BYTES, { sha256: SHA256 }), "repository_unreachable");
});

Deno.test("a server without conditional writes gets one conditional request", async () => {
  const { store, sent } = open({}, xml(501, "NotImplemented"), stored(), stored());
  assert.equal(await store.put("a", BYTES, { sha256: SHA256 }), "stored");
  assert.equal(await store.put("b", BYTES, { sha256: SHA256 }), "stored");
  assert.deepEqual(sent.map(({ headers }) => headers.get("if-none-match")), ["*", null, null]);
});

Deno.test("a server that cannot store objects is reported", async () => {
  const { store } = open({}, xml(501, "NotImplemented"));
  await refused(() => store.put("a", BYTES, { sha256: SHA256 }), "repository_unreachable");
});

Deno.test("a part is sent with its number and upload id, and a missing upload is reported", async () => {
  const { store, sent } = open({}, empty(200, { etag: '"p"' }), xml(404, "NoSuchUpload"));
  assert.equal(await store.putPart("a", "2~x/y+z=&", 3, BYTES, SHA256), '"p"');
  assert.equal(sent[0]!.url.search, "?partNumber=3&uploadId=2~x%2Fy%2Bz%3D%26");
  assert.equal(sent[0]!.headers.get("if-none-match"), null);
  assert.equal(await store.putPart("a", "u", 3, BYTES, SHA256), undefined);
});

const PASSING: [what: string, answer: () => Answer][] = [
  ["busy", () => xml(503, "SlowDown")],
  ["broken", () => empty(500)],
  ["overrun", () => empty(429)],
  ["cut off", () => new TypeError("connection reset")],
];
for (const [what, answer] of PASSING) {
  Deno.test(`a request to a server that is ${what} is sent four times in all`, async () => {
    const passing = open({}, answer(), answer(), answer(), ok());
    assert.deepEqual(await passing.store.get("a", 100), BYTES);
    assert.equal(passing.clock.waits.length, 3);
    const { store, sent } = open({}, answer());
    await refused(() => store.get("a", 100), "repository_unreachable");
    assert.equal(sent.length, 4);
  });
}

Deno.test("a retry waits as long as Retry-After asks", async () => {
  const { store, clock } = open({}, xml(503, "SlowDown", { "retry-after": "2" }), ok());
  await store.get("a", 100);
  const [wait = 0, ...more] = clock.waits;
  assert.ok(wait >= 2_000 && wait <= 2_200, `${wait} ms`);
  assert.deepEqual(more, []);
});

Deno.test("a Retry-After beyond the slice's time ends the retries and is reported", async () => {
  const { store, sent } = open({}, xml(503, "SlowDown", { "retry-after": "120" }));
  await assert.rejects(store.get("a", 100), {
    code: "repository_unreachable",
    retryAfterMs: 120_000,
  });
  assert.equal(sent.length, 1);
  const date = new Date(new TestClock().date().getTime() + HOUR_MS).toUTCString();
  const other = open({}, xml(429, "", { "retry-after": date }));
  await assert.rejects(other.store.get("a", 100), { retryAfterMs: HOUR_MS });
});

Deno.test("Retry-After of a refusal is ignored", async () => {
  const { store } = open({}, xml(403, "AccessDenied", { "retry-after": "120" }));
  await assert.rejects(store.get("a", 100), { code: "repository_access_denied", retryAfterMs: 0 });
});

const FINAL: [answer: Response, code: string][] = [
  [xml(403, "SignatureDoesNotMatch"), "repository_key_refused"],
  [xml(403, "AccessDenied"), "repository_access_denied"],
  [empty(403), "repository_access_denied"],
  [xml(400, "InvalidRequest"), "repository_refused"],
  [empty(301, { location: "https://other" }), "repository_refused"],
];
for (const [answer, code] of FINAL) {
  Deno.test(`${answer.status} is ${code} and is not retried`, async () => {
    const acts: ((store: RepositoryStore) => Promise<unknown>)[] = [
      (store) => store.get("a", 100),
      (store) => store.head("a"),
      (store) => store.put("a", BYTES, { sha256: SHA256 }),
      (store) => store.putPart("a", "u", 1, BYTES, SHA256),
    ];
    for (const act of acts) {
      const { store, sent } = open({}, answer);
      await refused(() => act(store), code);
      assert.equal(sent.length, 1);
    }
  });
}

Deno.test("the response has a time limit, and a body read as a stream has none", async () => {
  const clock = new TestClock();
  clock.timeout = () => assert.fail("a timeout that nothing ends");
  let signal: AbortSignal | null | undefined;
  const answering: typeof fetch = (_, init) => {
    signal = init?.signal;
    return Promise.resolve(ok());
  };
  const response = await createS3Store(SETTINGS, { fetch: answering, clock }).open("a");
  clock.advance(HOUR_MS);
  assert.deepEqual(await response!.bytes(), BYTES);
  assert.equal(signal!.aborted, false);

  const silent: typeof fetch = (_, init) =>
    new Promise((_, reject) => {
      init!.signal!.addEventListener("abort", () => reject(init!.signal!.reason));
      clock.advance(HOUR_MS);
    });
  const opening = createS3Store(SETTINGS, { fetch: silent, clock }).open("a");
  await assert.rejects(opening, { code: "repository_unreachable", message: /in time/ });
});

Deno.test("a body's MD5 is sent after a server asks for it, and then with each request", async () => {
  const asks = new Response(
    "<Error><Code>InvalidRequest</Code><Message>Content-MD5 OR x-amz-checksum- HTTP header is " +
      "required for Put Object requests with Object Lock parameters</Message></Error>",
    { status: 400 },
  );
  const { store, sent } = open({}, asks, stored(), stored());
  for (const key of ["a", "b"]) await store.put(key, BYTES, { sha256: SHA256 });
  const md5 = createHash("md5").update(BYTES).digest("base64");
  assert.deepEqual(sent.map(({ headers }) => headers.get("content-md5")), [null, md5, md5]);
  assert.match(sent[1]!.headers.get("authorization")!, /SignedHeaders=content-md5;/);
  await refused(
    () => open({}, asks).store.put("a", BYTES, { sha256: SHA256 }),
    "repository_refused",
  );
});

Deno.test("a refusal that repeats the key is reported without the key", async () => {
  const { accessKeyId, secretAccessKey } = SETTINGS;
  const body = `<Error><Code>InvalidAccessKeyId</Code>
    <Message>The access key ${accessKeyId} with ${secretAccessKey} is not known.</Message>
    <AWSAccessKeyId>${accessKeyId}</AWSAccessKeyId></Error>`;
  const refusal = () => new Response(body, { status: 403 });
  const acts = [
    (store: RepositoryStore) => store.put("a", BYTES, { sha256: SHA256 }),
    (store: RepositoryStore) => store.get("a", 100),
    (store: RepositoryStore) => store.list("log/"),
  ];
  for (const act of acts) {
    await assert.rejects(act(open({}, refusal()).store), (error) => {
      assert.ok(error instanceof HoldfastError);
      assert.equal(error.code, "repository_key_refused");
      assert.match(error.message, /The access key \(hidden\) with \(hidden\) is not known/);
      assert.ok(!Deno.inspect(error).includes(accessKeyId), Deno.inspect(error));
      return true;
    });
  }
});

Deno.test("a document is verified against its stated digest and read again if it differs", async () => {
  const digest = createHash("sha256").update("whole").digest("hex");
  const of = (body: string) => () =>
    new Response(body, { headers: { etag: '"e"', "x-amz-meta-sha256": digest } });
  const corrupted = open({}, of("whose"), of("whole"));
  const bytes = await corrupted.store.get("holdfast.json", 100, { stated: true });
  assert.equal(new TextDecoder().decode(bytes), "whole");
  assert.equal(corrupted.sent.length, 2);
  const damaged = open({}, of("whose"));
  await refused(
    () => damaged.store.get("holdfast.json", 100, { stated: true }),
    "repository_damaged",
    /holdfast\.json/,
  );
  // A caller that verifies the digest itself does not set `stated`.
  assert.ok(await open({}, of("whose")).store.get("data/a", 100));
});
