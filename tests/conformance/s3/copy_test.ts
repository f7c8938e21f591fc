import assert from "node:assert/strict";
import { CopyObjectCommand, UploadPartCopyCommand } from "@aws-sdk/client-s3";
import { encodeKey, type S3Context, s3Test } from "./context.ts";
import { beginUpload, complete, named, partBytes, sendPart } from "./uploads.ts";

const source = (s3: S3Context, key: string) => `/${s3.bucket}/${encodeKey(key)}`;

s3Test("a copy has its source's bytes, and its source's metadata or its own", async (s3) => {
  const original = await s3.put("odd (1)+name.txt", "text", {
    "content-type": "text/plain",
    "x-amz-meta-a": "1",
  });
  const CopySource = source(s3, original);
  const place = { Bucket: s3.bucket, CopySource };
  const { CopyObjectResult } = await s3.client.send(
    new CopyObjectCommand({ ...place, Key: s3.key("kept") }),
  );
  const etag = "1cb251ec0d568de6a929b520c4aed8d1";
  assert.equal(CopyObjectResult?.ETag, s3.behaviour.quotedCopyEtag ? `"${etag}"` : etag);
  const kept = await s3.request(s3.url(s3.key("kept")));
  assert.equal(kept.text, "text");
  assert.equal(kept.headers.get("content-type"), "text/plain");
  assert.equal(kept.headers.get("x-amz-meta-a"), "1");

  await s3.client.send(
    new CopyObjectCommand({
      ...place,
      Key: s3.key("replaced"),
      MetadataDirective: "REPLACE",
      ContentType: "text/csv",
      Metadata: { b: "2" },
    }),
  );
  const replaced = await s3.request(s3.url(s3.key("replaced")));
  assert.equal(replaced.text, "text");
  assert.equal(replaced.headers.get("content-type"), "text/csv");
  assert.equal(replaced.headers.get("x-amz-meta-a"), null);
  assert.equal(replaced.headers.get("x-amz-meta-b"), "2");
});

s3Test("a copy remains after its source is overwritten and deleted", async (s3) => {
  const original = await s3.put("original", "first");
  const command = new CopyObjectCommand({
    Bucket: s3.bucket,
    Key: s3.key("copy"),
    CopySource: source(s3, original),
  });
  await s3.client.send(command);
  await s3.put("original", "second");
  await s3.request(s3.url(original), { method: "DELETE" });
  assert.equal(new TextDecoder().decode(await s3.read(s3.key("copy"))), "first");
});

s3Test("an object is copied onto itself only with other metadata", async (s3) => {
  const Key = await s3.put("object", "text");
  const copy = { Bucket: s3.bucket, Key, CopySource: source(s3, Key) };
  await assert.rejects(s3.client.send(new CopyObjectCommand(copy)), named("InvalidRequest"));
  await s3.client.send(
    new CopyObjectCommand({ ...copy, MetadataDirective: "REPLACE", Metadata: { a: "1" } }),
  );
  const { text, headers } = await s3.request(s3.url(Key));
  assert.deepEqual([text, headers.get("x-amz-meta-a")], ["text", "1"]);
});

s3Test("copying a missing source is refused", async (s3) => {
  const Key = s3.key("copy");
  const missing = { Bucket: s3.bucket, Key, CopySource: source(s3, s3.key("nothing")) };
  await assert.rejects(s3.client.send(new CopyObjectCommand(missing)), named("NoSuchKey"));
  assert.equal(await s3.read(Key), undefined);
});

s3Test("a copy can be conditional on its source's ETag", async (s3) => {
  const Key = s3.key("copy");
  const original = await s3.put("original", "text");
  const changed = {
    Bucket: s3.bucket,
    Key,
    CopySource: source(s3, original),
    CopySourceIfMatch: '"00000000000000000000000000000000"',
  };
  const copying = s3.client.send(new CopyObjectCommand(changed));
  if (s3.behaviour.conditionalCopy) await assert.rejects(copying, named("PreconditionFailed"));
  else await copying;
  assert.equal(await s3.read(Key) === undefined, s3.behaviour.conditionalCopy);
});

s3Test("a part can be copied from a range of an object", async (s3) => {
  const bytes = partBytes(1, 6 * 1024 * 1024);
  const original = await s3.put("original", bytes);
  const upload = await beginUpload(s3, "object");
  const end = 5 * 1024 * 1024;
  const { CopyPartResult } = await s3.client.send(
    new UploadPartCopyCommand({
      ...upload,
      PartNumber: 1,
      CopySource: source(s3, original),
      CopySourceRange: `bytes=0-${end - 1}`,
    }),
  );
  const second = await sendPart(s3, upload, 2, partBytes(2, 100));
  await complete(s3, upload, [{ PartNumber: 1, ETag: CopyPartResult?.ETag }, second]);
  const expected = await new Blob([bytes.slice(0, end), partBytes(2, 100)]).bytes();
  assert.deepEqual(await s3.read(upload.Key), expected);
});
