import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  assertRefused,
  type Bucket,
  call,
  callJson,
  encodeMetadata,
  randomBytes,
  sqlOf,
  standInOf,
  storageTest,
  withBucket,
} from "./support.ts";

function quotedMd5(bytes: Uint8Array): string {
  return `"${createHash("md5").update(bytes).digest("hex")}"`;
}

storageTest(
  "reading: etag, content-length, last-modified, and no version",
  [],
  () =>
    withBucket(async (bucket) => {
      const bytes = randomBytes(1000);
      await bucket.put("a", bytes, { "content-type": "image/png" });
      for (const route of ["/authenticated", ""]) {
        const response = await call("GET", bucket.path("a", route));
        assert.deepEqual(await response.bytes(), bytes);
        assert.equal(response.headers.get("content-length"), "1000");
        assert.equal(response.headers.get("content-type"), "image/png");
        assert.equal(response.headers.get("accept-ranges"), "bytes");
        const modified = Date.parse(response.headers.get("last-modified") ?? "");
        assert(Math.abs(modified - Date.now()) < 600_000);
        const { version, etag } = await bucket.info("a");
        assert.equal(response.headers.get("etag"), etag);
        const said = [...response.headers].flat().join("\n");
        assert.equal(said.includes(String(version)), false);
      }
    }),
);

storageTest(
  "reading: the etag of a small body is its MD5, quoted",
  ["stand-in"],
  () =>
    withBucket(async (bucket) => {
      for (const size of [0, 1, 16 * 1024 * 1024]) {
        const bytes = randomBytes(size);
        await bucket.put("a", bytes);
        assert.equal((await bucket.info("a")).etag, quotedMd5(bytes));
      }
    }),
);

storageTest(
  "reading: above 16 MiB the etag is that of an upload in parts",
  ["stand-in"],
  () =>
    withBucket(async (bucket) => {
      const bytes = randomBytes(16 * 1024 * 1024 + 1);
      await bucket.put("a", bytes);
      const { etag } = await bucket.info("a");
      assert.match(String(etag), /^"[0-9a-f]{32}-2"$/);
      const response = await bucket.get("a");
      assert.equal(response.headers.get("etag"), etag);
      assert.deepEqual(quotedMd5(await response.bytes()), quotedMd5(bytes));
      // S3's CopyObject makes one part of it.
      const json = { bucketId: bucket.id, sourceKey: "a", destinationKey: "b" };
      await callJson("POST", "/object/move", { json });
      assert.equal((await bucket.info("b")).etag, quotedMd5(bytes));
    }),
);

const RANGES: [range: string, start: number, end: number][] = [
  ["bytes=0-0", 0, 0],
  ["bytes=0-9", 0, 9],
  ["bytes=90-", 90, 99],
  ["bytes=-5", 95, 99],
  ["bytes=-500", 0, 99],
  ["bytes=50-5000", 50, 99],
  ["bytes=99-99", 99, 99],
];

storageTest(
  "reading: a range is 206 with the object's etag",
  [],
  () =>
    withBucket(async (bucket) => {
      const bytes = randomBytes(100);
      await bucket.put("a", bytes);
      const { etag } = await bucket.info("a");
      for (const [range, start, end] of RANGES) {
        const response = await bucket.get("a", { range });
        assert.equal(response.status, 206, range);
        assert.deepEqual(await response.bytes(), bytes.subarray(start, end + 1), range);
        assert.equal(response.headers.get("content-range"), `bytes ${start}-${end}/100`);
        assert.equal(response.headers.get("content-length"), String(end - start + 1));
        assert.equal(response.headers.get("etag"), etag);
      }
    }),
);

storageTest(
  "reading: a range without a byte in it is refused",
  [],
  () =>
    withBucket(async (bucket) => {
      await bucket.put("a", randomBytes(100));
      await bucket.put("empty", "");
      for (
        const [name, range] of [["a", "bytes=100-"], ["a", "bytes=500-600"], ["empty", "bytes=0-"]]
      ) {
        const response = await bucket.get(name, { range });
        await response.body?.cancel();
        assert.equal(response.ok, false, `${name} ${range}: ${response.status}`);
      }
    }),
);

storageTest(
  "reading: If-Match is ignored, with a range and without",
  [],
  () =>
    withBucket(async (bucket) => {
      await bucket.put("a", "0123456789");
      const whole = await bucket.get("a", { "if-match": '"another"' });
      assert.equal(whole.status, 200);
      assert.equal(await whole.text(), "0123456789");
      const part = await bucket.get("a", { "if-match": '"another"', range: "bytes=2-3" });
      assert.equal(part.status, 206);
      assert.equal(await part.text(), "23");
      assert.notEqual(part.headers.get("etag"), '"another"');
    }),
);

storageTest(
  "reading: If-None-Match and If-Modified-Since are honoured",
  [],
  () =>
    withBucket(async (bucket) => {
      await bucket.put("a");
      const { etag } = await bucket.info("a");
      const conditions = [
        { "if-none-match": String(etag) },
        { "if-modified-since": new Date(Date.now() + 60_000).toUTCString() },
      ] as Record<string, string>[];
      for (const headers of conditions) {
        const response = await bucket.get("a", headers);
        await response.body?.cancel();
        assert.equal(response.status, 304, JSON.stringify(headers));
      }
      const changed = await bucket.get("a", { "if-none-match": '"another"' });
      await changed.body?.cancel();
      assert.equal(changed.status, 200);
    }),
);

storageTest(
  "reading: an unknown query parameter is ignored",
  [],
  () =>
    withBucket(async (bucket) => {
      await bucket.put("a", "bytes");
      for (const query of ["?cacheNonce=1", "?x", "?versionId=none&y=%2F"]) {
        const response = await call("GET", bucket.path("a", "/authenticated") + query);
        assert.equal(await response.text(), "bytes", query);
      }
    }),
);

storageTest(
  "reading: text/html is answered as text/plain; the row keeps the type",
  [],
  () =>
    withBucket(async (bucket) => {
      for (const type of ["text/html", "text/html; charset=utf-8"]) {
        await bucket.put("page", "<p>", { "content-type": type });
        const response = await bucket.get("page");
        assert.equal(await response.text(), "<p>");
        assert.equal(response.headers.get("content-type")?.split(";")[0], "text/plain");
        assert.equal((await bucket.info("page")).content_type, type);
      }
    }),
);

storageTest(
  "reading: the type comes with the bytes, not from the row",
  ["sql"],
  () =>
    withBucket(async (bucket) => {
      await bucket.put("a", "x", { "content-type": "text/css", "cache-control": "max-age=1" });
      await sqlOf()`
      update storage.objects
      set metadata = metadata || '{"mimetype": "image/gif", "cacheControl": "max-age=2"}'
      where bucket_id = ${bucket.id}`;
      const response = await bucket.get("a");
      await response.body?.cancel();
      assert.equal(response.headers.get("content-type"), "text/css");
      assert.equal(response.headers.get("cache-control"), "max-age=1");
      assert.equal((await bucket.info("a")).content_type, "image/gif");
      // A move writes the row anew from what is kept with the bytes.
      const json = { bucketId: bucket.id, sourceKey: "a", destinationKey: "b" };
      await callJson("POST", "/object/move", { json });
      assert.equal((await bucket.info("b")).content_type, "text/css");
    }),
);

storageTest("reading: info says what the row says", [], () =>
  withBucket(async (bucket) => {
    const id = await bucket.put("a", "12345", {
      "content-type": "text/css",
      "cache-control": "max-age=5",
      "x-metadata": encodeMetadata({ k: "v" }),
    });
    for (const route of ["/info", "/info/authenticated"]) {
      const info = await callJson<Record<string, unknown>>("GET", bucket.path("a", route));
      const { version, etag, last_modified, created_at, ...rest } = info;
      assert.deepEqual(rest, {
        ...{ id, name: "a", bucket_id: bucket.id, size: 5 },
        ...{ content_type: "text/css", cache_control: "max-age=5", metadata: { k: "v" } },
      });
      assert.match(String(version), /^[0-9a-f-]{36}$/);
      assert.match(String(etag), /^".+"$/);
      assert(!Number.isNaN(Date.parse(String(last_modified))));
      assert(!Number.isNaN(Date.parse(String(created_at))));
    }
  }));

storageTest(
  "reading: a row without bytes: info and HEAD tell of it, only a GET does not",
  ["sql"],
  () =>
    withBucket(async (bucket) => {
      await bucket.insertRow("a");
      assert.equal((await bucket.info("a")).size, 3);
      for (const route of ["/authenticated", ""]) {
        const head = await call("HEAD", bucket.path("a", route));
        assert.equal(head.status, 200);
        assert.equal(head.headers.get("etag"), '"0"');
      }
      await assertBytesGone(bucket, "a");
    }),
);

storageTest(
  "reading: bytes lost behind the row's back",
  ["stand-in"],
  () =>
    withBucket(async (bucket) => {
      await bucket.put("a", "x");
      await standInOf().loseBytes(bucket.id, "a");
      await assertBytesGone(bucket, "a");
      assert.equal((await bucket.info("a")).size, 1);
      for (const action of ["copy", "move"]) {
        const json = { bucketId: bucket.id, sourceKey: "a", destinationKey: "b" };
        await assertRefused(call("POST", `/object/${action}`, { json }), {
          statusCode: "404",
          code: "S3Error",
          message: "NoSuchKey",
        });
      }
      standInOf().backend = "file";
      try {
        await assertRefused(bucket.get("a"), {
          status: 500,
          statusCode: "500",
          code: "InternalError",
        });
      } finally {
        standInOf().backend = "s3";
      }
    }),
);

/** On an S3 backend `Not found`, where no row is `not_found`; a file backend says HTTP 500. */
async function assertBytesGone(bucket: Bucket, name: string): Promise<void> {
  const response = await bucket.get(name);
  const answer = await response.json();
  if (answer.code === "InternalError") {
    assert.equal(response.status, 500);
    return;
  }
  assert.equal(response.status, 400);
  assert.deepEqual(answer, {
    statusCode: "404",
    error: "Not found",
    message: "The resource was not found",
    code: "NoSuchKey",
  });
}

storageTest(
  "reading: download names the file for the browser",
  [],
  () =>
    withBucket(async (bucket) => {
      await bucket.put("a");
      const cases = [
        ["?download", "attachment;"],
        [
          "?download=n%20ä.txt",
          "attachment; filename=n%20%C3%A4.txt; filename*=UTF-8''n%20%C3%A4.txt",
        ],
      ];
      for (const [query, disposition] of cases) {
        const response = await call("GET", bucket.path("a", "/authenticated") + query);
        await response.body?.cancel();
        assert.equal(response.headers.get("content-disposition"), disposition);
      }
    }),
);
