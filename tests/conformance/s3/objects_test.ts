import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { s3Test } from "./context.ts";

const TEXT = "the quick brown fox";
const MD5 = createHash("md5").update(TEXT).digest("hex");

s3Test("an object is read back with its bytes, type and metadata", async (s3) => {
  const place = { Bucket: s3.bucket, Key: s3.key("a/b.html") };
  const description = {
    ContentType: "text/html; charset=utf-8",
    CacheControl: "max-age=3600, private",
    ContentDisposition: 'attachment; filename="b.html"',
    ContentEncoding: "identity",
    ContentLanguage: "de",
    Metadata: { "holdfast-sha256": "abc", other: "two  words" },
  };
  const put = await s3.client.send(
    new PutObjectCommand({ ...place, ...description, Body: new TextEncoder().encode(TEXT) }),
  );
  assert.equal(put.ETag, `"${MD5}"`);

  const get = await s3.client.send(new GetObjectCommand(place));
  assert.equal(await get.Body?.transformToString(), TEXT);
  const head = await s3.client.send(new HeadObjectCommand(place));
  for (const answer of [get, head]) {
    const { ContentLength, ETag, LastModified, AcceptRanges, ...rest } = answer;
    assert.deepEqual([ContentLength, ETag, AcceptRanges], [TEXT.length, `"${MD5}"`, "bytes"]);
    assert.ok(Math.abs(Date.now() - Number(LastModified)) < 60_000);
    for (const [name, value] of Object.entries(description)) {
      const actual = rest[name as keyof typeof description];
      if (name === "Metadata") assert.deepEqual(actual, value);
      else assert.equal(actual, value, name);
    }
  }
});

s3Test("an object without a type is binary/octet-stream", async (s3) => {
  const answer = await s3.request(s3.url(await s3.put("object", TEXT)));
  assert.equal(answer.headers.get("content-type"), "binary/octet-stream");
  assert.equal(answer.headers.get("cache-control"), null);
});

s3Test("the type text/html is kept, and a GET can request another one", async (s3) => {
  const key = await s3.put("page", TEXT, { "content-type": "text/html" });
  const plain = await s3.request(s3.url(key));
  assert.equal(plain.headers.get("content-type"), "text/html");
  const query = {
    "response-content-type": "text/plain",
    "response-content-disposition": "attachment",
  };
  const { headers } = await s3.request(s3.url(key, query));
  assert.equal(headers.get("content-type"), "text/plain");
  assert.equal(headers.get("content-disposition"), "attachment");
});

s3Test("a put replaces all bytes and metadata", async (s3) => {
  await s3.put("object", "old", { "x-amz-meta-old": "1", "cache-control": "no-store" });
  const key = await s3.put("object", TEXT);
  const { text, headers } = await s3.request(s3.url(key));
  assert.equal(text, TEXT);
  assert.equal(headers.get("x-amz-meta-old"), null);
  assert.equal(headers.get("cache-control"), null);
});

s3Test("a repeated delete has the same response", async (s3) => {
  const Key = await s3.put("object", TEXT);
  const command = new DeleteObjectCommand({ Bucket: s3.bucket, Key });
  await s3.client.send(command);
  assert.equal(await s3.read(Key), undefined);
  const { $metadata } = await s3.client.send(command);
  assert.equal($metadata.httpStatusCode, 204);
});

s3Test("missing objects and buckets have their own codes", async (s3) => {
  const key = s3.key("nothing");
  const get = await s3.request(s3.url(key));
  assert.deepEqual([get.status, get.code], [404, "NoSuchKey"]);
  const head = await s3.request(s3.url(key), { method: "HEAD" });
  assert.deepEqual([head.status, head.text], [404, ""]);

  const url = new URL(`/holdfast-no-such-bucket-${crypto.randomUUID()}/key`, s3.target.endpoint);
  const missingBucket = await s3.request(url);
  assert.deepEqual([missingBucket.status, missingBucket.code], [404, "NoSuchBucket"]);
});

s3Test("an error names its code, its message and its request", async (s3) => {
  const { text, headers } = await s3.request(s3.url(s3.key("nothing")));
  assert.match(headers.get("content-type") ?? "", /^application\/xml/);
  assert.match(text, /<Code>NoSuchKey<\/Code>/);
  assert.match(text, /<RequestId>[^<]+<\/RequestId>/);
  assert.ok(headers.get("x-amz-request-id"));
});

/** Names that Supabase Storage allows, and some that only SQL can create. */
const NAMES = [
  "plain.txt",
  "with space.txt",
  "plus+and?question#hash",
  "& = @ ; : , ' * ! ( ) $ _ -",
  "percent%20encoded%",
  "double//slash",
  "trailing/",
  "/leading",
  ".hidden",
  "..two-dots",
  'tilde~quote"less<greater>',
  "brackets[]{}|^`\\",
  "ümlaut-日本語-🦀",
  "tab\tand-newline\n",
];

s3Test("every name round-trips when its segments are percent-encoded", async (s3) => {
  for (const name of NAMES) {
    const key = await s3.put(name, name);
    assert.equal(new TextDecoder().decode(await s3.read(key)), name);
    const { Body } = await s3.client.send(
      new GetObjectCommand({ Bucket: s3.bucket, Key: key }),
    );
    assert.equal(await Body?.transformToString(), name);
  }
});

s3Test("a key has at most 1,024 bytes", async (s3) => {
  const room = 1024 - s3.key("").length;
  const longest = await s3.put("k".repeat(room), TEXT);
  assert.equal(longest.length, 1024);
  assert.ok(await s3.read(longest));
  // The last character has two bytes: the limit counts bytes, not characters.
  const url = s3.url(s3.key(`${"k".repeat(room - 1)}ü`));
  const answer = await s3.request(url, { method: "PUT", body: TEXT });
  assert.equal(answer.status, 400);
  assert.equal(answer.code, s3.behaviour.keyTooLongCode);
});

s3Test("user metadata is limited", async (s3) => {
  const url = s3.url(s3.key("object"));
  const put = (value: string) =>
    s3.request(url, { method: "PUT", body: TEXT, headers: { "x-amz-meta-a": value } });
  assert.equal((await put("x".repeat(2000))).status, 200);
  const { metadataBytes } = s3.behaviour;
  // Without this limit the server's limit of all headers applies.
  const large = await put("x".repeat(metadataBytes ?? 32_000));
  assert.equal(large.status, 400);
  assert.equal(large.code, metadataBytes === undefined ? undefined : "MetadataTooLarge");
});
