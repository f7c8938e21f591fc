import assert from "node:assert/strict";
import { beginUpload, BUCKET, complete, sendPart, startTestServer } from "./support.ts";
import type { Credential } from "../../../../stack/s3/mod.ts";

const OWNER: Credential = { accessKeyId: "OWNER", secretAccessKey: "owner's secret" };
const READER: Credential = { accessKeyId: "R", secretAccessKey: "r", permissions: "read" };
const APPENDER: Credential = { accessKeyId: "A", secretAccessKey: "a", permissions: "append" };

const MINIMAL: Credential = { accessKeyId: "M", secretAccessKey: "m", permissions: "minimal" };

const start = () => startTestServer({ credentials: [OWNER, READER, APPENDER, MINIMAL] });
const NEW = { "if-none-match": "*" };

Deno.test("S3 stand-in: a reader may only read and list", async () => {
  await using s3 = await start();
  await s3.request("object", { method: "PUT", body: "text" });
  for (const path of ["object", "?list-type=2", "?uploads=", "?versioning="]) {
    assert.equal((await s3.request(path, {}, READER)).status, 200, path);
  }
  const writes: [path: string, init: RequestInit][] = [
    ["other", { method: "PUT", body: "text", headers: NEW }],
    ["object", { method: "DELETE" }],
    ["upload?uploads=", { method: "POST" }],
    ["?delete=", { method: "POST", body: "<Delete/>" }],
  ];
  for (const [path, init] of writes) {
    const answer = await s3.request(path, init, READER);
    assert.deepEqual([answer.status, answer.code], [403, "AccessDenied"], path);
  }
  assert.equal((await s3.request("object")).text, "text");
});

Deno.test("S3 stand-in: an appender may create objects and not change them", async () => {
  await using s3 = await start();
  await s3.request("object", { method: "PUT", body: "text" });
  const put = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await s3.request(path, { method: "PUT", body: "new", headers }, APPENDER);
    return [answer.status, answer.code];
  };
  assert.deepEqual(await put("new", NEW), [200, undefined]);
  assert.deepEqual(await put("object", NEW), [412, "PreconditionFailed"]);
  assert.deepEqual(await put("object"), [403, "AccessDenied"]);
  assert.deepEqual(await put("unconditional"), [403, "AccessDenied"]);
  const deletion = await s3.request("object", { method: "DELETE" }, APPENDER);
  assert.deepEqual([deletion.status, deletion.code], [403, "AccessDenied"]);
  assert.equal((await s3.request("object", {}, APPENDER)).text, "text");
});

Deno.test("S3 stand-in: a minimal key neither lists uploads nor aborts them", async () => {
  await using s3 = await start();
  const uploadId = await beginUpload(s3, "object");
  for (const [path, method] of [["?uploads=", "GET"], [`object?uploadId=${uploadId}`, "DELETE"]]) {
    assert.equal((await s3.request(path, { method }, MINIMAL)).code, "AccessDenied", path);
  }
  const put = { method: "PUT", body: "new", headers: NEW };
  assert.equal((await s3.request("new", put, MINIMAL)).status, 200);
  assert.equal((await s3.request("?list-type=2", {}, MINIMAL)).status, 200);
});

Deno.test("S3 stand-in: a locked bucket refuses uploads without a digest, and deletions", async () => {
  await using s3 = await start();
  s3.server.locked.add(BUCKET);
  const withoutDigest = await s3.request("object", { method: "PUT", body: "text" });
  assert.deepEqual([withoutDigest.status, withoutDigest.code], [400, "InvalidRequest"]);
  assert.match(withoutDigest.text, /Content-MD5/);
  const put = (digest: string) =>
    s3.request("object", { method: "PUT", body: "text", headers: { "content-md5": digest } });
  assert.equal((await put("zQO15B5DU4XT+anQ4uyv5g==")).code, "BadDigest");
  assert.equal((await put("HLJR7A1WjeapKbUgxK7Y0Q==")).status, 200);
  assert.equal((await s3.request("object", { method: "DELETE" })).code, "AccessDenied");
});

Deno.test("S3 stand-in: an appender completes uploads under the same condition", async () => {
  await using s3 = await startTestServer({ credentials: [{ ...APPENDER, ...OWNER }] });
  const uploadId = await beginUpload(s3, "object");
  const part = await sendPart(s3, "object", uploadId, 1, "text");
  assert.equal((await complete(s3, "object", uploadId, [part])).code, "AccessDenied");
  const completed = await complete(s3, "object", uploadId, [part], { headers: NEW });
  assert.equal(completed.status, 200);
});

Deno.test("S3 stand-in: keys can be revoked and rotated while it runs", async () => {
  await using s3 = await start();
  s3.server.credentials = [{ ...OWNER, secretAccessKey: "rotated" }];
  assert.equal((await s3.request("?list-type=2")).code, "SignatureDoesNotMatch");
  assert.equal((await s3.request("?list-type=2", {}, READER)).code, "InvalidAccessKeyId");
  const rotated = { ...OWNER, secretAccessKey: "rotated" };
  assert.equal((await s3.request("?list-type=2", {}, rotated)).status, 200);
});
