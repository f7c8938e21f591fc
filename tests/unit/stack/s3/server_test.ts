import assert from "node:assert/strict";
import { AwsV4Signer } from "aws4fetch";
import { CERTIFICATE } from "./certificate.ts";
import { beginUpload, bodyFiles, complete, sendPart, startTestServer, until } from "./support.ts";
import { readText, writeAll } from "../../../support/raw_connection.ts";

Deno.test("S3 stand-in: it serves https with a certificate", async () => {
  await using s3 = await startTestServer({ tls: CERTIFICATE });
  const { url, headers } = await new AwsV4Signer({
    url: `${s3.server.endpoint}/unit?list-type=2`,
    accessKeyId: "OWNER",
    secretAccessKey: "owner's secret",
    region: s3.server.region,
    service: "s3",
  }).sign();
  using client = Deno.createHttpClient({ caCerts: [CERTIFICATE.cert] });
  const response = await fetch(url, { headers, client });
  assert.match(await response.text(), /<ListBucketResult/);
});

Deno.test("S3 stand-in: a bucket can be named by the host", async () => {
  await using s3 = await startTestServer();
  await s3.request("folder/object", { method: "PUT", body: "text" });
  const host = `unit.localhost:${s3.server.port}`;
  const signer = new AwsV4Signer({
    url: `http://${host}/folder/object`,
    headers: { connection: "close" },
    accessKeyId: "OWNER",
    secretAccessKey: "owner's secret",
    region: s3.server.region,
    service: "s3",
  });
  const { url, headers } = await signer.sign();
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  // Without fetch, which needs a name server for the host.
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: s3.server.port });
  const request = `GET ${url.pathname} HTTP/1.1\r\nhost: ${host}\r\n${lines}\r\n`;
  await writeAll(connection, request);
  const text = await readText(connection);
  assert.match(text, /^HTTP\/1\.1 200 .*\r\n\r\ntext$/s);
});

Deno.test("S3 stand-in: unsupported operations are refused and named", async () => {
  await using s3 = await startTestServer();
  await s3.request("object", { method: "PUT", body: "text" });
  for (
    const path of ["?policy=", "?location=", "?versions=", "object?tagging=", "object?versionId=1"]
  ) {
    const answer = await s3.request(path);
    assert.deepEqual([answer.status, answer.code], [501, "NotImplemented"], path);
  }
  const headers: [name: string, value: string][] = [
    ["x-amz-object-lock-mode", "value"],
    ["x-amz-tagging", "value"],
    ["if-match", "*"],
    ["x-amz-checksum-crc64nvme", "value"],
    ["x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"],
  ];
  for (const [name, value] of headers) {
    const init = { method: "PUT", body: "text", headers: { [name]: value } };
    assert.equal((await s3.request("other", init)).code, "NotImplemented", name);
  }
  assert.equal((await s3.request("other")).status, 404);
});

Deno.test("S3 stand-in: it can simulate servers that support fewer conditions", async () => {
  await using s3 = await startTestServer();
  await s3.request("object", { method: "PUT", body: "first" });
  const headers = { "if-none-match": "*" };
  const put = () => s3.request("object", { method: "PUT", body: "second", headers });
  const completeUpload = async () => {
    const uploadId = await beginUpload(s3, "object");
    const part = await sendPart(s3, "object", uploadId, 1, "third");
    return await complete(s3, "object", uploadId, [part], { headers });
  };
  const statuses = async () => [(await put()).status, (await completeUpload()).status];
  assert.deepEqual(await statuses(), [412, 412]);
  s3.server.conditionalWrites = "put";
  assert.deepEqual(await statuses(), [412, 200]);
  s3.server.conditionalWrites = "none";
  assert.deepEqual(await statuses(), [200, 200]);
});

Deno.test("S3 stand-in: a client that disconnects during a request is detected", async () => {
  await using s3 = await startTestServer();
  const { url, headers } = await new AwsV4Signer({
    method: "PUT",
    url: `${s3.server.endpoint}/unit/object`,
    accessKeyId: "OWNER",
    secretAccessKey: "owner's secret",
    region: s3.server.region,
    service: "s3",
  }).sign();
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: s3.server.port });
    const head = `PUT ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\ncontent-length: 1000\r\n`;
    await writeAll(connection, `${head}${lines}\r\nthe first bytes of many`);
    await until(() => s3.server.requests.inFlight === 1);
  }
  await until(() => s3.server.requests.inFlight === 0);
  assert.equal((await s3.request("object")).status, 404);
  assert.deepEqual(await bodyFiles(s3), []);
});

Deno.test("S3 stand-in: tests can find an object's bytes, to damage them", async () => {
  await using s3 = await startTestServer();
  const uploadId = await beginUpload(s3, "object");
  const part = await sendPart(s3, "object", uploadId, 1, "text");
  await complete(s3, "object", uploadId, [part]);
  const [file] = s3.server.objectFiles("unit", "object");
  await Deno.writeTextFile(file, "next");
  assert.equal((await s3.request("object")).text, "next");
});
