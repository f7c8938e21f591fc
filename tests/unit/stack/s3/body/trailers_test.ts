import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { AwsV4Signer } from "aws4fetch";
import { startTestServer, type TestServer } from "../support.ts";

// Checksums behind the body, as Amazon's SDKs send them by default and radosgw does not take them.
const BODY = "text that is sent in a chunk";
const CHECKSUM = createHash("sha256").update(BODY).digest("base64");

async function send(s3: TestServer, kind: string, encode: (signed: Headers) => string) {
  const signer = new AwsV4Signer({
    method: "PUT",
    url: `${s3.server.endpoint}/unit/object`,
    headers: {
      "content-encoding": "identity,aws-chunked",
      "x-amz-content-sha256": kind,
      "x-amz-decoded-content-length": String(BODY.length),
      "x-amz-trailer": "x-amz-checksum-sha256",
    },
    accessKeyId: "OWNER",
    secretAccessKey: "owner's secret",
    region: s3.server.region,
    service: "s3",
  });
  const { url, method, headers } = await signer.sign();
  const response = await fetch(url, { method, headers, body: encode(headers) });
  const text = await response.text();
  return { status: response.status, code: /<Code>(.*?)<\/Code>/.exec(text)?.[1] };
}

const size = BODY.length.toString(16);

Deno.test("S3 stand-in: a checksum behind an unsigned body is verified", async () => {
  await using s3 = await startTestServer();
  const put = (trailer: string) =>
    send(
      s3,
      "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
      () => `${size}\r\n${BODY}\r\n0\r\n${trailer}\r\n`,
    );
  const wrong = await put(`x-amz-checksum-sha256:${"A".repeat(43)}=\r\n`);
  assert.deepEqual(wrong, { status: 400, code: "BadDigest" });
  assert.deepEqual(await put(""), { status: 400, code: "InvalidRequest" });
  assert.deepEqual(await put("x-amz-checksum-crc32:AAAAAA==\r\n"), {
    status: 400,
    code: "InvalidRequest",
  });
  assert.equal((await s3.request("object")).status, 404);

  assert.equal((await put(`x-amz-checksum-sha256:${CHECKSUM}\r\n`)).status, 200);
  const headers = { "x-amz-checksum-mode": "ENABLED" };
  const stored = await s3.request("object", { method: "HEAD", headers });
  assert.equal(stored.headers.get("x-amz-checksum-sha256"), CHECKSUM);
  assert.equal(stored.headers.get("content-encoding"), "identity");
});

Deno.test("S3 stand-in: a checksum behind a signed body must be signed as well", async () => {
  await using s3 = await startTestServer();
  const put = (secret: string) =>
    send(s3, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", (headers) => {
      const date = headers.get("x-amz-date") ?? "";
      const scope = [date.slice(0, 8), s3.server.region, "s3", "aws4_request"];
      const hmac = (key: string | Uint8Array, text: string) =>
        createHmac("sha256", key).update(text).digest();
      const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
      const key = scope.reduce<string | Uint8Array>(hmac, "AWS4owner's secret");
      const trailerKey = scope.reduce<string | Uint8Array>(hmac, `AWS4${secret}`);
      let previous = /Signature=(\w+)/.exec(headers.get("authorization") ?? "")?.[1] ?? "";
      const sign = (key: string | Uint8Array, kind: string, ...digests: string[]) =>
        previous = hmac(key, [kind, date, scope.join("/"), previous, ...digests].join("\n"))
          .toString("hex");
      const chunk = (text: string) => {
        const signature = sign(key, "AWS4-HMAC-SHA256-PAYLOAD", sha256(""), sha256(text));
        return `${text.length.toString(16)};chunk-signature=${signature}\r\n`;
      };
      const trailer = `x-amz-checksum-sha256:${CHECKSUM}`;
      const body = `${chunk(BODY)}${BODY}\r\n${chunk("")}${trailer}\r\n`;
      const signature = sign(trailerKey, "AWS4-HMAC-SHA256-TRAILER", sha256(`${trailer}\n`));
      return `${body}x-amz-trailer-signature:${signature}\r\n\r\n`;
    });
  assert.deepEqual(await put("another secret"), { status: 403, code: "SignatureDoesNotMatch" });
  assert.equal((await s3.request("object")).status, 404);
  assert.equal((await put("owner's secret")).status, 200);
  assert.equal((await s3.request("object")).text, BODY);
});
