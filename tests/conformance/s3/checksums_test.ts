import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { s3Test } from "./context.ts";
import { beginUpload, complete, partBytes, sendPart } from "./uploads.ts";

function checksumOf(bytes: Uint8Array): Buffer {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(bytes));
  return checksum;
}

const BODY = new TextEncoder().encode("to be summed up");
const HEADER = "x-amz-checksum-crc32";

s3Test("a checksum in the headers is verified", async (s3) => {
  const url = s3.url(s3.key("object"));
  const put = (value: string) =>
    s3.request(url, { method: "PUT", body: BODY, headers: { [HEADER]: value } });
  const wrong = await put(checksumOf(new Uint8Array(1)).toString("base64"));
  const invalid = await put("nonsense");
  if (s3.behaviour.checksums) {
    assert.deepEqual([wrong.status, wrong.code], [400, "BadDigest"]);
    assert.deepEqual([invalid.status, invalid.code], [400, "InvalidRequest"]);
    assert.equal(await s3.read(s3.key("object")), undefined);
  } else {
    assert.deepEqual([wrong.status, invalid.status], [200, 200]);
  }
  assert.equal((await put(checksumOf(BODY).toString("base64"))).status, 200);
});

s3Test("a checksum is returned on request", async (s3) => {
  const value = checksumOf(BODY).toString("base64");
  const key = await s3.put("object", BODY, { [HEADER]: value });
  const expected = s3.behaviour.checksums ? value : null;
  for (const method of ["GET", "HEAD"]) {
    const headers = { "x-amz-checksum-mode": "ENABLED" };
    const answer = await s3.request(s3.url(key), { method, headers });
    assert.equal(answer.headers.get(HEADER), expected);
    const unasked = await s3.request(s3.url(key), { method });
    assert.equal(unasked.headers.get(HEADER), null);
  }
});

s3Test("an object of parts with checksums has a composite checksum", async (s3) => {
  const upload = await beginUpload(s3, "object", { ChecksumAlgorithm: "CRC32" });
  const bodies = [partBytes(1), partBytes(2, 77)];
  const parts = [];
  for (const [index, bytes] of bodies.entries()) {
    const ChecksumCRC32 = checksumOf(bytes).toString("base64");
    const part = await sendPart(s3, upload, index + 1, bytes, { ChecksumCRC32 });
    assert.equal(part.ChecksumCRC32, s3.behaviour.checksums ? ChecksumCRC32 : undefined);
    parts.push({ ...part, ChecksumCRC32 });
  }
  const done = await complete(s3, upload, parts);
  const place = { Bucket: s3.bucket, Key: upload.Key };
  const head = await s3.client.send(new HeadObjectCommand({ ...place, ChecksumMode: "ENABLED" }));
  const digests = bodies.map((bytes) => checksumOf(bytes));
  const composite = `${checksumOf(Buffer.concat(digests)).toString("base64")}-2`;
  for (const answer of [done, head]) {
    assert.equal(answer.ChecksumCRC32, s3.behaviour.checksums ? composite : undefined);
    assert.equal(answer.ChecksumType, s3.behaviour.checksums ? "COMPOSITE" : undefined);
  }
});
