/** A hosted project's CDN: stale responses, and how to bypass it. */
import assert from "node:assert/strict";
import {
  assertRefused,
  type Bucket,
  call,
  callJson,
  randomBytes,
  standInOf,
  storageTest,
  tokenFor,
  withBucket,
} from "./support.ts";

/** Registers a test with the CDN and a clock of the CDN that the test advances. */
function cdnTest(
  name: string,
  test: (bucket: Bucket, clock: { ahead: number }) => Promise<void>,
): void {
  storageTest(name, ["stand-in"], () => withCdn(test));
}

async function withCdn(
  test: (bucket: Bucket, clock: { ahead: number }) => Promise<void>,
): Promise<void> {
  const { cdn } = standInOf();
  const clock = { ahead: 0 };
  cdn.now = () => Date.now() + clock.ahead;
  cdn.enabled = true;
  try {
    await withBucket((bucket) => test(bucket, clock), { public: true });
  } finally {
    cdn.enabled = false;
    cdn.purge();
    cdn.now = Date.now;
  }
}

/** The cache status and the text of a GET. */
async function read(path: string, headers: Record<string, string> = {}): Promise<string> {
  const response = await call("GET", path, { headers });
  return `${response.headers.get("cf-cache-status")} ${response.status} ${await response.text()}`;
}

for (const route of ["/authenticated", "/public"]) {
  cdnTest(
    `cdn: object${route} is stale for up to 60 s after an overwrite`,
    async (bucket, clock) => {
      await bucket.put("a", "old");
      const path = bucket.path("a", route);
      assert.equal(await read(path), "MISS 200 old");
      await bucket.put("a", "new");
      assert.equal(await read(path), "HIT 200 old");
      clock.ahead = 59_000;
      assert.equal(await read(path), "HIT 200 old");
      clock.ahead = 61_000;
      assert.equal(await read(path), "MISS 200 new");
      assert.equal(await read(path), "HIT 200 new");
    },
  );

  cdnTest(`cdn: object${route} of a deleted object is still served`, async (bucket, clock) => {
    await bucket.put("a", "old");
    const path = bucket.path("a", route);
    assert.equal(await read(path), "MISS 200 old");
    await callJson("DELETE", bucket.path("a"));
    assert.equal(await read(path), "HIT 200 old");
    clock.ahead = 61_000;
    await assertRefused(call("GET", path), { code: "NoSuchKey" });
  });
}

cdnTest("cdn: a new cacheNonce reaches the origin, a repeated one does not", async (bucket) => {
  await bucket.put("a", "old");
  const path = bucket.path("a", "/authenticated");
  assert.equal(await read(path), "MISS 200 old");
  assert.equal(await read(`${path}?cacheNonce=1`), "MISS 200 old");
  await bucket.put("a", "new");
  assert.equal(await read(`${path}?cacheNonce=1`), "HIT 200 old");
  assert.equal(await read(`${path}?cacheNonce=2`), "MISS 200 new");
  assert.equal(await read(path), "HIT 200 old");
});

cdnTest("cdn: DELETE cdn purges an object or a bucket", async (bucket) => {
  const paths = ["a", "dir/b"].map((name) => bucket.path(name, "/authenticated"));
  const put = (text: string) => Promise.all(["a", "dir/b"].map((name) => bucket.put(name, text)));
  await put("1");
  for (const path of paths) assert.equal(await read(path), "MISS 200 1");
  await put("2");
  const purged = await callJson("DELETE", `/cdn/${bucket.id}/dir/b`);
  assert.equal((purged as { message: string }).message, "success");
  assert.equal(await read(paths[0]), "HIT 200 1");
  assert.equal(await read(paths[1]), "MISS 200 2");
  await put("3");
  await callJson("DELETE", `/cdn/${bucket.id}`);
  for (const path of paths) assert.equal(await read(path), "MISS 200 3");
  const denied = { statusCode: "403", code: "AccessDenied", status: 403 };
  await assertRefused(call("DELETE", `/cdn/${bucket.id}`, { key: tokenFor("anon") }), denied);
});

cdnTest("cdn: ranges are stale, too, and their etag shows it", async (bucket) => {
  await bucket.put("a", "0123456789");
  const old = await bucket.info("a");
  const path = bucket.path("a", "/authenticated");
  const range = { range: "bytes=2-4" };
  assert.equal(await read(path, range), "MISS 206 234");
  await bucket.put("a", "abcdefghij");
  const stale = await call("GET", path, { headers: range });
  assert.equal(stale.headers.get("cf-cache-status"), "HIT");
  assert.equal(stale.headers.get("etag"), old.etag);
  assert.equal(await stale.text(), "234");
  assert.equal(await read(path), "MISS 200 abcdefghij");
  // The CDN serves any range of a cached object.
  assert.equal(await read(path, { range: "bytes=-2" }), "HIT 206 ij");
});

cdnTest("cdn: other routes and refusals are not cached", async (bucket) => {
  const path = bucket.path("a", "/authenticated");
  assert.match(await read(path), /^MISS 400 /);
  await bucket.put("a", "new");
  assert.equal(await read(path), "MISS 200 new");
  for (const route of ["", "/info"]) {
    for (const _ of [1, 2]) assert.match(await read(bucket.path("a", route)), /^DYNAMIC 200 /);
  }
  const head = await call("HEAD", path);
  assert.equal(head.headers.get("cf-cache-status"), "DYNAMIC");
});

cdnTest("cdn: responses are cached per caller", async (bucket) => {
  await callJson("PUT", `/bucket/${bucket.id}`, { json: { public: false } });
  await bucket.put("a", "secret");
  const path = bucket.path("a", "/authenticated");
  assert.equal(await read(path), "MISS 200 secret");
  await assertRefused(call("GET", path, { key: tokenFor("anon") }), { code: "NoSuchKey" });
});

cdnTest("cdn: a bucket made private is purged", async (bucket) => {
  await bucket.put("a", "was public");
  const path = bucket.path("a", "/public");
  assert.equal(await read(path), "MISS 200 was public");
  await callJson("PUT", `/bucket/${bucket.id}`, { json: { public: false } });
  await assertRefused(call("GET", path), { code: "NoSuchBucket" });
});

cdnTest("cdn: large responses are not cached", async (bucket) => {
  const bytes = randomBytes(17 * 1024 * 1024);
  await bucket.put("a", bytes);
  for (const _ of [1, 2]) {
    const response = await bucket.get("a");
    assert.equal(response.headers.get("cf-cache-status"), "MISS");
    assert.equal((await response.bytes()).length, bytes.length);
  }
});
