import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { s3Test } from "./context.ts";
import { beginUpload, complete, partBytes, sendPart } from "./uploads.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes);
const BODY = new TextEncoder().encode("to be summed up");
const HEADER = "x-amz-checksum-sha256";

s3Test("a checksum in the headers is verified", async (s3) => {
  const url = s3.url(s3.key("object"));
  const put = (value: string) =>
    s3.request(url, { method: "PUT", body: BODY, headers: { [HEADER]: value } });
  const wrong = await put(sha256(new Uint8Array(1)).digest("base64"));
  const invalid = await put("nonsense");
  if (s3.behaviour.checksums) {
    assert.deepEqual([wrong.status, wrong.code], [400, "BadDigest"]);
    assert.deepEqual([invalid.status, invalid.code], [400, "InvalidRequest"]);
    assert.equal(await s3.read(s3.key("object")), undefined);
  } else {
    assert.deepEqual([wrong.status, invalid.status], [200, 200]);
  }
  assert.equal((await put(sha256(BODY).digest("base64"))).status, 200);
});

s3Test("a checksum is given back to whoever asks for it", async (s3) => {
  const value = sha256(BODY).digest("base64");
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

s3Test("parts with checksums make an object with a composite one", async (s3) => {
  const upload = await beginUpload(s3, "object", { ChecksumAlgorithm: "SHA256" });
  const bodies = [partBytes(1), partBytes(2, 77)];
  const parts = [];
  for (const [index, bytes] of bodies.entries()) {
    const ChecksumSHA256 = sha256(bytes).digest("base64");
    const part = await sendPart(s3, upload, index + 1, bytes, { ChecksumSHA256 });
    assert.equal(part.ChecksumSHA256, s3.behaviour.checksums ? ChecksumSHA256 : undefined);
    parts.push({ ...part, ChecksumSHA256 });
  }
  const done = await complete(s3, upload, parts);
  const place = { Bucket: s3.bucket, Key: upload.Key };
  const head = await s3.client.send(new HeadObjectCommand({ ...place, ChecksumMode: "ENABLED" }));
  const digests = bodies.map((bytes) => sha256(bytes).digest());
  const composite = `${sha256(Buffer.concat(digests)).digest("base64")}-2`;
  for (const answer of [done, head]) {
    assert.equal(answer.ChecksumSHA256, s3.behaviour.checksums ? composite : undefined);
    assert.equal(answer.ChecksumType, s3.behaviour.checksums ? "COMPOSITE" : undefined);
  }
});
