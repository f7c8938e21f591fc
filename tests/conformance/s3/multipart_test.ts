import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { AbortMultipartUploadCommand, HeadObjectCommand } from "@aws-sdk/client-s3";
import { s3Test } from "./context.ts";
import {
  beginUpload,
  complete,
  named,
  partBytes,
  sendPart,
  SMALLEST_PART_BYTES,
} from "./uploads.ts";

const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes);

s3Test("parts become one object, with the upload's metadata", async (s3) => {
  const upload = await beginUpload(s3, "object", {
    ContentType: "video/mp4",
    CacheControl: "no-cache",
    Metadata: { origin: "test" },
  });
  const bodies = [partBytes(1), partBytes(2), partBytes(3, 1234)];
  // The order of sending does not matter, only the numbers.
  const third = await sendPart(s3, upload, 7, bodies[2]);
  const first = await sendPart(s3, upload, 1, bodies[0]);
  const second = await sendPart(s3, upload, 3, bodies[1]);
  assert.equal(first.ETag, `"${md5(bodies[0]).digest("hex")}"`);
  assert.equal(await s3.read(upload.Key), undefined);

  const done = await complete(s3, upload, [first, second, third]);
  const digests = bodies.map((bytes) => md5(bytes).digest());
  const etag = `"${md5(Buffer.concat(digests)).digest("hex")}-3"`;
  assert.equal(done.ETag, s3.behaviour.completeAnswersEtag ? etag : "");

  const head = await s3.client.send(new HeadObjectCommand({ Bucket: s3.bucket, Key: upload.Key }));
  assert.equal(head.ETag, etag);
  assert.equal(head.ContentLength, 2 * SMALLEST_PART_BYTES + 1234);
  assert.equal(head.ContentType, "video/mp4");
  assert.equal(head.CacheControl, "no-cache");
  assert.deepEqual(head.Metadata, { origin: "test" });
  assert.deepEqual(await s3.read(upload.Key), await new Blob(bodies).bytes());
});

s3Test("a range may span parts", async (s3) => {
  const upload = await beginUpload(s3, "object");
  const bodies = [partBytes(1), partBytes(2, 1000)];
  const parts = [
    await sendPart(s3, upload, 1, bodies[0]),
    await sendPart(s3, upload, 2, bodies[1]),
  ];
  await complete(s3, upload, parts);
  const [start, end] = [SMALLEST_PART_BYTES - 10, SMALLEST_PART_BYTES + 10];
  const headers = { range: `bytes=${start}-${end - 1}` };
  const answer = await s3.request(s3.url(upload.Key), { headers });
  assert.equal(answer.status, 206);
  assert.deepEqual(answer.bytes, (await new Blob(bodies).bytes()).slice(start, end));
});

s3Test("every part but the last has at least 5 MiB", async (s3) => {
  const upload = await beginUpload(s3, "object");
  const small = await sendPart(s3, upload, 1, partBytes(1, SMALLEST_PART_BYTES - 1));
  const last = await sendPart(s3, upload, 2, partBytes(2, 1));
  await assert.rejects(complete(s3, upload, [small, last]), named("EntityTooSmall"));
  assert.equal(await s3.read(upload.Key), undefined);
  const first = await sendPart(s3, upload, 1, partBytes(1));
  await complete(s3, upload, [first, last]);
});

s3Test("the same part sent again replaces the first", async (s3) => {
  const upload = await beginUpload(s3, "object");
  const old = await sendPart(s3, upload, 1, partBytes(1, 10));
  const part = await sendPart(s3, upload, 1, partBytes(2, 20));
  await assert.rejects(complete(s3, upload, [old]), named("InvalidPart"));
  await complete(s3, upload, [part]);
  assert.deepEqual(await s3.read(upload.Key), partBytes(2, 20));
});

s3Test("parts are listed in the order of their numbers", async (s3) => {
  const upload = await beginUpload(s3, "object");
  const bodies = [partBytes(1), partBytes(2, 5)];
  const first = await sendPart(s3, upload, 1, bodies[0]);
  const second = await sendPart(s3, upload, 2, bodies[1]);
  const completing = complete(s3, upload, [second, first]);
  if (s3.behaviour.checksPartOrder) {
    await assert.rejects(completing, named("InvalidPartOrder"));
    await assert.rejects(complete(s3, upload, [first, first]), named("InvalidPartOrder"));
    assert.equal(await s3.read(upload.Key), undefined);
  } else {
    await completing;
    assert.deepEqual(await s3.read(upload.Key), await new Blob(bodies).bytes());
  }
});

s3Test("only existing parts can be listed", async (s3) => {
  const upload = await beginUpload(s3, "object");
  const first = await sendPart(s3, upload, 1, partBytes(1));
  const second = await sendPart(s3, upload, 2, partBytes(2, 5));
  const missing = { ...second, PartNumber: 3 };
  await assert.rejects(complete(s3, upload, [first, missing]), named("InvalidPart"));
  await assert.rejects(complete(s3, upload, []), named("MalformedXML"));
  assert.equal(await s3.read(upload.Key), undefined);
  await complete(s3, upload, [first, second]);
});

s3Test("a part that is not listed", async (s3) => {
  const upload = await beginUpload(s3, "object");
  await sendPart(s3, upload, 1, partBytes(1, 10));
  const second = await sendPart(s3, upload, 2, partBytes(2, 20));
  const completing = complete(s3, upload, [second]);
  if (s3.behaviour.leavesOutParts) {
    await completing;
    assert.deepEqual(await s3.read(upload.Key), partBytes(2, 20));
  } else {
    await assert.rejects(completing, named("InvalidPart"));
    assert.equal(await s3.read(upload.Key), undefined);
  }
});

s3Test("part numbers are from 1 to 10,000", async (s3) => {
  const upload = await beginUpload(s3, "highest");
  await complete(s3, upload, [await sendPart(s3, upload, 10_000, partBytes(1, 1))]);
  const other = await beginUpload(s3, "object");
  for (const number of [0, 10_001]) {
    const sending = sendPart(s3, other, number, partBytes(1, 1));
    if (s3.behaviour.checksPartNumbers) await assert.rejects(sending, named("InvalidArgument"));
    else await sending;
  }
});

s3Test("a completed, aborted or unknown upload is not found", async (s3) => {
  const completed = await beginUpload(s3, "completed");
  const part = await sendPart(s3, completed, 1, partBytes(1, 1));
  await complete(s3, completed, [part]);
  const aborted = await beginUpload(s3, "aborted");
  await sendPart(s3, aborted, 1, partBytes(1, 1));
  await s3.client.send(new AbortMultipartUploadCommand(aborted));
  const unknown = { ...aborted, UploadId: "2~nothing-of-the-kind" };
  for (const upload of [completed, aborted, unknown]) {
    await assert.rejects(sendPart(s3, upload, 1, partBytes(1, 1)), named("NoSuchUpload"));
    const aborting = s3.client.send(new AbortMultipartUploadCommand(upload));
    await assert.rejects(aborting, named("NoSuchUpload"));
  }
  const missing = named(s3.behaviour.completeMissingCode);
  for (const upload of [aborted, unknown]) {
    await assert.rejects(complete(s3, upload, [part]), missing);
  }
  assert.equal(await s3.read(aborted.Key), undefined);
});

s3Test("an upload is found only under its own key", async (s3) => {
  const upload = await beginUpload(s3, "object");
  const otherKey = { ...upload, Key: s3.key("other") };
  await assert.rejects(sendPart(s3, otherKey, 1, partBytes(1, 1)), named("NoSuchUpload"));
  const aborting = s3.client.send(new AbortMultipartUploadCommand(otherKey));
  await assert.rejects(aborting, named("NoSuchUpload"));
  await complete(s3, upload, [await sendPart(s3, upload, 1, partBytes(1, 1))]);
});

s3Test("a repeated completion after a lost response does not change the object", async (s3) => {
  const upload = await beginUpload(s3, "object");
  const part = await sendPart(s3, upload, 1, partBytes(1, 10));
  await complete(s3, upload, [part]);
  // Amazon's and Ceph's remember for a while, MinIO and the stand-in do not: a client must be able
  // to live with either answer.
  await complete(s3, upload, [part]).catch((error) => assert.equal(error.name, "NoSuchUpload"));
  assert.deepEqual(await s3.read(upload.Key), partBytes(1, 10));
});

s3Test("two simultaneous completions of an upload create one object", async (s3) => {
  const upload = await beginUpload(s3, "object");
  const part = await sendPart(s3, upload, 1, partBytes(1, 10));
  const outcomes = await Promise.allSettled([1, 2, 3].map(() => complete(s3, upload, [part])));
  assert.ok(outcomes.some(({ status }) => status === "fulfilled"));
  assert.deepEqual(await s3.read(upload.Key), partBytes(1, 10));
});

s3Test("two uploads of a key are independent; the last completion wins", async (s3) => {
  const one = await beginUpload(s3, "object");
  const two = await beginUpload(s3, "object");
  const partOfOne = await sendPart(s3, one, 1, partBytes(1, 10));
  const partOfTwo = await sendPart(s3, two, 1, partBytes(2, 20));
  await complete(s3, two, [partOfTwo]);
  await complete(s3, one, [partOfOne]);
  assert.deepEqual(await s3.read(one.Key), partBytes(1, 10));
});

s3Test("If-None-Match on completing an upload", async (s3) => {
  const upload = await beginUpload(s3, "object");
  const part = await sendPart(s3, upload, 1, partBytes(1, 10));
  await s3.put("object", "came first");
  const body = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>" +
    `<ETag>${part.ETag}</ETag></Part></CompleteMultipartUpload>`;
  const url = s3.url(upload.Key, { uploadId: upload.UploadId });
  const headers = { "if-none-match": "*" };
  const answer = await s3.request(url, { method: "POST", body, headers });
  const stored = new TextDecoder().decode(await s3.read(upload.Key));
  if (s3.behaviour.conditionalComplete) {
    assert.deepEqual([answer.status, answer.code], [412, "PreconditionFailed"]);
    assert.equal(stored, "came first");
    await s3.request(s3.url(upload.Key), { method: "DELETE" });
    assert.equal((await s3.request(url, { method: "POST", body, headers })).status, 200);
  } else {
    assert.equal(answer.status, 200);
    assert.notEqual(stored, "came first");
  }
});

s3Test("a list of parts that is not XML is refused", async (s3) => {
  const upload = await beginUpload(s3, "object");
  const url = s3.url(upload.Key, { uploadId: upload.UploadId });
  const answer = await s3.request(url, { method: "POST", body: "<Complete" });
  assert.deepEqual([answer.status, answer.code], [400, "MalformedXML"]);
});
