import assert from "node:assert/strict";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { s3Test } from "./context.ts";
import { named } from "./uploads.ts";

s3Test("a bucket tells that it is there and that it keeps no versions", async (s3) => {
  const place = { Bucket: s3.bucket };
  const head = await s3.client.send(new HeadBucketCommand(place));
  assert.equal(head.$metadata.httpStatusCode, 200);
  const { Status } = await s3.client.send(new GetBucketVersioningCommand(place));
  assert.equal(Status, undefined);
});

s3Test("a bucket that is not there is not found", async (s3) => {
  const place = { Bucket: `holdfast-no-such-bucket-${crypto.randomUUID().slice(0, 8)}` };
  await assert.rejects(
    s3.client.send(new HeadBucketCommand(place)),
    (error: { $metadata?: { httpStatusCode?: number } }) => error.$metadata?.httpStatusCode === 404,
  );
  const missing = named("NoSuchBucket");
  await assert.rejects(s3.client.send(new DeleteBucketCommand(place)), missing);
  const put = new PutObjectCommand({ ...place, Key: "key", Body: new Uint8Array(1) });
  await assert.rejects(s3.client.send(put), missing);
});

s3Test("a bucket can be made, is listed, and goes only when it is empty", async (s3) => {
  const place = { Bucket: `holdfast-made-${crypto.randomUUID().slice(0, 8)}` };
  await s3.client.send(new CreateBucketCommand(place));
  try {
    const { Buckets = [] } = await s3.client.send(new ListBucketsCommand({}));
    assert.ok(Buckets.some(({ Name }) => Name === place.Bucket));
    const object = { ...place, Key: "key" };
    await s3.client.send(new PutObjectCommand({ ...object, Body: new Uint8Array(1) }));
    await assert.rejects(
      s3.client.send(new DeleteBucketCommand(place)),
      named("BucketNotEmpty"),
    );
    await s3.client.send(new DeleteObjectCommand(object));
  } finally {
    await s3.client.send(new DeleteBucketCommand(place));
  }
  await assert.rejects(s3.client.send(new HeadBucketCommand(place)));
});

s3Test("a bucket's name has rules", async (s3) => {
  const url = new URL("/No_Bucket", s3.target.endpoint);
  const answer = await s3.request(url, { method: "PUT", body: new Uint8Array(0) });
  assert.deepEqual([answer.status, answer.code], [400, "InvalidBucketName"]);
});
