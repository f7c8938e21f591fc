import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  beginUpload,
  bodyFiles,
  BUCKET,
  complete,
  sendPart,
  startTestServer,
  until,
} from "./support.ts";

Deno.test("S3 stand-in: objects, uploads and buckets persist after a restart", async () => {
  await using s3 = await startTestServer();
  await s3.request("kept", {
    method: "PUT",
    body: "text",
    headers: { "content-type": "text/plain", "x-amz-meta-a": "1" },
  });
  await s3.request("deleted", { method: "PUT", body: "deleted" });
  await s3.request("deleted", { method: "DELETE" });
  const uploadId = await beginUpload(s3, "upload");
  const part = await sendPart(s3, "upload", uploadId, 1, "part");
  await s3.server.createBucket("another");

  // Twice: the second start reads the journal that the first start rewrote.
  for (let round = 0; round < 2; round++) await s3.restart();

  const { text, headers } = await s3.request("kept");
  assert.equal(text, "text");
  assert.equal(headers.get("content-type"), "text/plain");
  assert.equal(headers.get("x-amz-meta-a"), "1");
  assert.equal((await s3.request("deleted")).status, 404);
  assert.equal((await complete(s3, "upload", uploadId, [part])).status, 200);
  assert.equal((await s3.request("upload")).text, "part");
  assert.equal((await s3.request("../another")).status, 200);
});

Deno.test("S3 stand-in: a truncated change in the journal is ignored", async () => {
  await using s3 = await startTestServer();
  await s3.request("whole", { method: "PUT", body: "1" });
  await s3.server.stop();
  const journal = `${s3.directory}/${BUCKET}/journal.ndjson`;
  await Deno.writeTextFile(journal, '{"put":{"key":"torn","byt', { append: true });
  await s3.restart();
  assert.equal((await s3.request("whole")).status, 200);
  assert.equal((await s3.request("torn")).status, 404);
});

Deno.test("S3 stand-in: unreferenced bytes are removed at the start", async () => {
  await using s3 = await startTestServer();
  await s3.request("object", { method: "PUT", body: "1" });
  await s3.server.stop();
  const [known] = await bodyFiles(s3);
  const bodies = `${s3.directory}/${BUCKET}/bodies`;
  await Deno.writeTextFile(`${bodies}/whole/orphaned`, "never published");
  await Deno.writeTextFile(`${bodies}/incoming/orphaned`, "never whole");
  await s3.restart();
  assert.deepEqual(await bodyFiles(s3), [known]);
});

Deno.test("S3 stand-in: bytes are deleted with their last reference", async () => {
  await using s3 = await startTestServer();
  const put = (key: string, headers: Record<string, string> = {}) =>
    s3.request(key, { method: "PUT", body: headers["x-amz-copy-source"] ? null : key, headers });
  await put("object");
  await put("object");
  assert.equal((await bodyFiles(s3)).length, 1);
  await put("copy", { "x-amz-copy-source": `/${BUCKET}/object` });
  await s3.request("object", { method: "DELETE" });
  assert.equal((await bodyFiles(s3)).length, 1);
  await s3.request("copy", { method: "DELETE" });
  assert.deepEqual(await bodyFiles(s3), []);

  const uploadId = await beginUpload(s3, "upload");
  const part = await sendPart(s3, "upload", uploadId, 1, "one");
  await sendPart(s3, "upload", uploadId, 2, "sent twice");
  await sendPart(s3, "upload", uploadId, 2, "not listed");
  assert.equal((await bodyFiles(s3)).length, 2);
  await complete(s3, "upload", uploadId, [part]);
  assert.equal((await bodyFiles(s3)).length, 1);
});

Deno.test("S3 stand-in: a refused body stores no bytes", async () => {
  await using s3 = await startTestServer();
  const headers = { "content-md5": "1B2M2Y8AsgTpgAmY7PhCfg==" };
  assert.equal(
    (await s3.request("object", { method: "PUT", body: "x", headers })).code,
    "BadDigest",
  );
  assert.deepEqual(await bodyFiles(s3), []);
});

Deno.test("S3 stand-in: a reader gets all bytes of the version that it opened", async () => {
  await using s3 = await startTestServer();
  // Larger than the connection's buffers, so that most bytes are still in the file.
  const old = Buffer.alloc(16 * 1024 * 1024, 7);
  await s3.request("object", { method: "PUT", body: old });
  const response = await s3.open("object");
  await s3.request("object", { method: "PUT", body: "new" });
  assert.equal((await bodyFiles(s3)).length, 2);
  assert.ok(old.equals(await response.bytes()));
  assert.equal((await s3.request("object")).text, "new");
  await until(async () => (await bodyFiles(s3)).length === 1);
});
