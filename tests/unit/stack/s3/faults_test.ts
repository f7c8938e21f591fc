import assert from "node:assert/strict";
import type { Fault } from "../../../../stack/s3/mod.ts";
import { bodyFiles, startTestServer, type TestServer, until } from "./support.ts";

const put = (s3: TestServer) => s3.request("object", { method: "PUT", body: "text" });

/**
 * Runs something while all requests fail with a fault. One fault is not enough: if a reused
 * connection is cut, Deno 2.9's fetch sends the request again, even a PUT or POST.
 */
async function failing<Result>(
  s3: TestServer,
  fault: Fault,
  run: () => Promise<Result>,
): Promise<Result> {
  s3.server.onRequest = () => fault;
  try {
    return await run();
  } finally {
    s3.server.onRequest = undefined;
  }
}

Deno.test("S3 stand-in: a request can be refused with any status and code", async () => {
  await using s3 = await startTestServer();
  const fault = { kind: "error", status: 503, code: "SlowDown", retryAfterSeconds: 7 } as const;
  const refused = await failing(s3, fault, () => put(s3));
  assert.deepEqual([refused.status, refused.code], [503, "SlowDown"]);
  assert.equal(refused.headers.get("retry-after"), "7");
  assert.equal((await s3.request("object")).status, 404);
  assert.equal((await put(s3)).status, 200);
});

Deno.test("S3 stand-in: a connection can be cut before and after the body", async () => {
  await using s3 = await startTestServer();
  for (const when of ["before_body", "after_body"] as const) {
    await failing(s3, { kind: "reset", when }, () => assert.rejects(put(s3)));
    const last = s3.server.requests.records().at(-1);
    assert.equal(last?.status, 0);
    if (when === "after_body") assert.equal(last?.requestBytes, 4);
  }
  assert.equal((await s3.request("object")).status, 404);
});

Deno.test("S3 stand-in: a response can be lost after the request was executed", async () => {
  await using s3 = await startTestServer();
  await failing(s3, { kind: "lose_reply" }, () => assert.rejects(put(s3)));
  assert.equal((await s3.request("object")).text, "text");
  await failing(s3, { kind: "lose_reply" }, () => assert.rejects(s3.request("object")));
  await s3.request("object", { method: "DELETE" });
  await until(async () => (await bodyFiles(s3)).length === 0);
});

Deno.test("S3 stand-in: a response can be truncated", async () => {
  await using s3 = await startTestServer();
  const body = "0123456789".repeat(100_000);
  await s3.request("object", { method: "PUT", body });
  for (const afterBytes of [0, 1, 999_999]) {
    const response = await failing(s3, { kind: "truncate", afterBytes }, () => s3.open("object"));
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-length"), "1000000");
    await assert.rejects(response.bytes());
    assert.equal(s3.server.requests.records().at(-1)?.responseBytes, afterBytes);
  }
  assert.equal((await s3.request("object")).text, body);
});

Deno.test("S3 stand-in: a request can be delayed, and the server still stops at once", async () => {
  await using s3 = await startTestServer();
  const short = { kind: "delay", delayMilliseconds: 1 } as const;
  assert.equal((await failing(s3, short, () => put(s3))).status, 200);
  s3.server.onRequest = () => ({ kind: "delay", delayMilliseconds: 3_600_000 });
  const waiting = assert.rejects(s3.request("object"));
  await until(() => s3.server.requests.inFlight === 1);
  await s3.server.stop();
  await waiting;
});

Deno.test("S3 stand-in: a fault chooses its requests by operation and key", async () => {
  await using s3 = await startTestServer();
  s3.server.onRequest = ({ route, bucket, key }) =>
    route === "PutObject" && bucket === "unit" && key === "object"
      ? { kind: "error", status: 500, code: "InternalError" }
      : undefined;
  assert.equal((await put(s3)).status, 500);
  assert.equal((await s3.request("other", { method: "PUT", body: "" })).status, 200);
  assert.equal((await s3.request("object")).status, 404);
});
