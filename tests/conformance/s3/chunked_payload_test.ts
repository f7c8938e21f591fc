import assert from "node:assert/strict";
import { type S3Context, s3Test } from "./context.ts";
import { send } from "./http.ts";
import { encodeSignedChunks, SIGNED_CHUNKS } from "./signed_chunks.ts";

const CHUNKS = [new Uint8Array(8192).fill(1), new Uint8Array(8192).fill(2), new Uint8Array(5)];
const BYTES = CHUNKS.reduce((sum, chunk) => sum + chunk.byteLength, 0);

function signChunked(s3: S3Context, key: string, bytes = BYTES) {
  return s3.sign(s3.url(key), {
    method: "PUT",
    headers: {
      "content-encoding": "aws-chunked",
      "x-amz-content-sha256": SIGNED_CHUNKS,
      "x-amz-decoded-content-length": String(bytes),
    },
  });
}

s3Test("a body that is signed chunk by chunk is stored without its encoding", async (s3) => {
  const key = s3.key("object");
  const signed = await signChunked(s3, key);
  const answer = await send(signed, encodeSignedChunks(s3.target, signed, CHUNKS));
  assert.equal(answer.status, 200);
  const stored = await s3.request(s3.url(key));
  assert.deepEqual(stored.bytes, await new Blob(CHUNKS).bytes());
  const encoding = s3.behaviour.keepsAwsChunked ? "aws-chunked" : null;
  assert.equal(stored.headers.get("content-encoding"), encoding);
});

s3Test("a chunk that was changed after it was signed is refused", async (s3) => {
  const key = s3.key("object");
  const signed = await signChunked(s3, key);
  const body = encodeSignedChunks(s3.target, signed, CHUNKS);
  body[10_000] ^= 1;
  const answer = await send(signed, body);
  assert.deepEqual([answer.status, answer.code], [403, "SignatureDoesNotMatch"]);
  assert.equal(await s3.read(key), undefined);
});

s3Test("a chunked body of another length than announced is refused", async (s3) => {
  const key = s3.key("object");
  const signed = await signChunked(s3, key, BYTES + 1);
  const answer = await send(signed, encodeSignedChunks(s3.target, signed, CHUNKS));
  assert.equal(answer.status, 400);
  assert.equal(await s3.read(key), undefined);
});
