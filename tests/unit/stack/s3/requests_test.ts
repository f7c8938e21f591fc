import assert from "node:assert/strict";
import { beginUpload, startTestServer, until } from "./support.ts";

Deno.test("S3 stand-in: the log has each request, its key and its outcome", async () => {
  await using s3 = await startTestServer();
  await s3.request("a%20b", { method: "PUT", body: "text" });
  await s3.request("a%20b");
  await s3.request("nothing");
  await s3.request("?list-type=2&prefix=a");
  await beginUpload(s3, "a");
  const { requests } = s3.server;
  assert.deepEqual(requests.counts(), {
    CreateMultipartUpload: 1,
    GetObject: 2,
    ListObjectsV2: 1,
    PutObject: 1,
  });
  const [put, get, missing, list] = requests.records();
  assert.deepEqual([put.key, put.status, put.requestBytes], ["a b", 200, 4]);
  assert.deepEqual([get.path, get.status, get.responseBytes], ["/unit/a%20b", 200, 4]);
  assert.deepEqual([missing.status, missing.accessKeyId], [404, "OWNER"]);
  assert.deepEqual([list.bucket, list.key, list.method], ["unit", undefined, "GET"]);
  await until(() => requests.inFlight === 0);
  requests.reset();
  assert.deepEqual([requests.counts(), requests.records()], [{}, []]);
});

Deno.test("S3 stand-in: the log counts running requests", async () => {
  await using s3 = await startTestServer();
  s3.server.onRequest = () => ({ kind: "delay", delayMilliseconds: 3_600_000 });
  const waiting = [1, 2, 3].map(() => assert.rejects(s3.request("nothing")));
  await until(() => s3.server.requests.inFlight === 3);
  assert.equal(s3.server.requests.mostInFlight, 3);
  await s3.server.stop();
  await Promise.all(waiting);
  assert.equal(s3.server.requests.inFlight, 0);
});

Deno.test("S3 stand-in: a request that is not an S3 operation is logged as unknown", async () => {
  await using s3 = await startTestServer();
  const key = `${"k".repeat(1025)}`;
  assert.equal((await s3.request(key, { method: "PUT", body: "" })).code, "KeyTooLongError");
  assert.equal((await s3.request("object", { method: "PATCH" })).code, "MethodNotAllowed");
  assert.equal((await s3.request("%ff")).code, "InvalidURI");
  assert.deepEqual(s3.server.requests.counts(), { Unknown: 3 });
});
