import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { bucketTest, call, callJson, encodeMetadata, randomBytes, sqlOf } from "./support.ts";

function quotedMd5(bytes: Uint8Array): string {
  return `"${createHash("md5").update(bytes).digest("hex")}"`;
}

bucketTest("reading: etag, content-length, last-modified, and no version", async (bucket) => {
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
});

bucketTest(
  "reading: the etag of a small body is its MD5, quoted",
  { needs: ["stand-in"] },
  async (bucket) => {
    for (const size of [0, 1, 16 * 1024 * 1024]) {
      const bytes = randomBytes(size);
      await bucket.put("a", bytes);
      assert.equal((await bucket.info("a")).etag, quotedMd5(bytes));
    }
  },
);

bucketTest(
  "reading: above 16 MiB the etag is that of a multipart upload",
  { needs: ["stand-in"] },
  async (bucket) => {
    const bytes = randomBytes(16 * 1024 * 1024 + 1);
    await bucket.put("a", bytes);
    const { etag } = await bucket.info("a");
    assert.match(String(etag), /^"[0-9a-f]{32}-2"$/);
    const response = await bucket.get("a");
    assert.equal(response.headers.get("etag"), etag);
    assert.deepEqual(quotedMd5(await response.bytes()), quotedMd5(bytes));
    // S3's CopyObject creates an object of one part.
    const json = { bucketId: bucket.id, sourceKey: "a", destinationKey: "b" };
    await callJson("POST", "/object/move", { json });
    assert.equal((await bucket.info("b")).etag, quotedMd5(bytes));
  },
);

bucketTest("reading: If-None-Match and If-Modified-Since are honoured", async (bucket) => {
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
});

bucketTest("reading: an unknown query parameter is ignored", async (bucket) => {
  await bucket.put("a", "bytes");
  for (const query of ["?cacheNonce=1", "?x", "?versionId=none&y=%2F"]) {
    const response = await call("GET", bucket.path("a", "/authenticated") + query);
    assert.equal(await response.text(), "bytes", query);
  }
});

bucketTest(
  "reading: text/html is served as text/plain; the row keeps the type",
  async (bucket) => {
    for (const type of ["text/html", "text/html; charset=utf-8"]) {
      await bucket.put("page", "<p>", { "content-type": type });
      const response = await bucket.get("page");
      assert.equal(await response.text(), "<p>");
      assert.equal(response.headers.get("content-type")?.split(";")[0], "text/plain");
      assert.equal((await bucket.info("page")).content_type, type);
    }
  },
);

bucketTest(
  "reading: the type is stored with the bytes, not read from the row",
  { needs: ["sql"] },
  async (bucket) => {
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
    // A move rewrites the row from the metadata that is stored with the bytes.
    const json = { bucketId: bucket.id, sourceKey: "a", destinationKey: "b" };
    await callJson("POST", "/object/move", { json });
    assert.equal((await bucket.info("b")).content_type, "text/css");
  },
);

bucketTest("reading: info returns the row's values", async (bucket) => {
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
});

bucketTest("reading: download names the file for the browser", async (bucket) => {
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
});
