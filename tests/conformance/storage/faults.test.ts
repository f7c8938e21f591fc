/** What tests can make the stand-in do wrong, and its log. */
import assert from "node:assert/strict";
import type { Fault, FaultRule } from "../../stack/storage/mod.ts";
import { type Bucket, call, randomBytes, standInOf, storageTest, withBucket } from "./support.ts";

const GET = "GET object/authenticated";
/** Deno's fetch sends a request again, whatever its method, that a reused connection swallowed. */
const RESETS = 2;

async function withFault(
  rule: FaultRule,
  test: (bucket: Bucket) => Promise<void>,
): Promise<void> {
  await withBucket(async (bucket) => {
    await bucket.put("a", "0123456789");
    standInOf().faults.add(rule);
    try {
      await test(bucket);
    } finally {
      standInOf().faults.clear();
    }
    assert.equal(await bucket.text("a"), "0123456789");
  });
}

storageTest(
  "faults: the next requests of a route get a status, with and without Retry-After",
  [
    "stand-in",
  ],
  () =>
    withFault(
      { route: GET, count: 2, fault: { status: 503, retryAfterSeconds: 7 } },
      async (bucket) => {
        await bucket.info("a");
        for (const _ of [1, 2]) {
          const response = await bucket.get("a");
          assert.equal(response.status, 503);
          assert.equal(response.headers.get("retry-after"), "7");
          assert.equal((await response.json()).statusCode, "503");
        }
        assert.equal(await bucket.text("a"), "0123456789");
        standInOf().faults.add({ fault: { status: 429 } });
        const response = await bucket.get("a");
        await response.body?.cancel();
        assert.equal(response.status, 429);
        assert.equal(response.headers.get("retry-after"), null);
      },
    ),
);

storageTest(
  "faults: a rule can let some pass and look at the path",
  ["stand-in"],
  () =>
    withFault({ pathContains: "/a?x", skip: 1, fault: { status: 500 } }, async (bucket) => {
      const statuses = [];
      for (const query of ["", "?x=1", "", "?x=2", "?x=3"]) {
        const response = await call("GET", bucket.path("a", "/authenticated") + query);
        await response.body?.cancel();
        statuses.push(response.status);
      }
      assert.deepEqual(statuses, [200, 200, 200, 500, 200]);
    }),
);

storageTest(
  "faults: a hook sees each request",
  ["stand-in"],
  () =>
    withFault({ route: "none", fault: {} }, async (bucket) => {
      const seen: string[] = [];
      standInOf().faults.onRequest = ({ route }) => {
        seen.push(route);
        return route === GET ? { status: 500 } : undefined;
      };
      await bucket.info("a");
      const response = await bucket.get("a");
      await response.body?.cancel();
      standInOf().faults.onRequest = undefined;
      assert.deepEqual([seen, response.status], [["GET object/info", GET], 500]);
    }),
);

storageTest(
  "faults: a connection reset before a write leaves nothing",
  ["stand-in"],
  () =>
    withFault(
      { route: "POST object", count: RESETS, fault: { reset: "before" } },
      async (bucket) => {
        await assert.rejects(call("POST", bucket.path("new"), { body: randomBytes(1000) }));
        const response = await bucket.get("new");
        assert.equal((await response.json()).code, "NoSuchKey");
      },
    ),
);

storageTest(
  "faults: a connection reset after a write leaves it done",
  ["stand-in"],
  () =>
    withFault(
      { route: "POST object", count: RESETS, fault: { reset: "after" } },
      async (bucket) => {
        await assert.rejects(call("POST", bucket.path("new"), { body: "done" }));
        assert.equal(await bucket.text("new"), "done");
      },
    ),
);

storageTest(
  "faults: a body is cut short",
  ["stand-in"],
  () =>
    withFault({ route: GET, fault: { truncateAfterBytes: 4 } }, async (bucket) => {
      const response = await bucket.get("a");
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("content-length"), "10");
      await assert.rejects(response.text());
    }),
);

storageTest("faults: a wrong etag, a flipped byte", ["stand-in"], async () => {
  const fault: Fault = { etag: '"wrong"', flipByteAt: 3 };
  await withFault({ route: GET, fault }, async (bucket) => {
    const response = await bucket.get("a");
    assert.equal(response.headers.get("etag"), '"wrong"');
    const bytes = await response.bytes();
    assert.equal(bytes.length, 10);
    assert.equal(bytes[3], "3".charCodeAt(0) ^ 0xff);
    assert.equal(bytes[4], "4".charCodeAt(0));
  });
});

storageTest(
  "faults: a delayed request can be given up",
  ["stand-in"],
  () =>
    withFault({ route: GET, fault: { delayMilliseconds: 50 } }, async (bucket) => {
      const url = `${standInOf().url}/storage/v1${bucket.path("a", "/authenticated")}`;
      await assert.rejects(fetch(url, { signal: AbortSignal.timeout(10) }));
      await until(() => standInOf().requests.inFlight === 0);
    }),
);

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    assert(Date.now() < deadline, `waited in vain until ${condition}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

storageTest("log: every request is recorded, with bytes and how many were under way", [
  "stand-in",
], () =>
  withBucket(async (bucket) => {
    await until(() => standInOf().requests.inFlight === 0);
    const { requests } = standInOf();
    requests.reset();
    await bucket.put("dir/a b", randomBytes(70_000));
    await Promise.all([1, 2, 3].map(() => bucket.bytes("dir/a b")));
    const missing = await bucket.get("none");
    await missing.body?.cancel();
    assert.deepEqual(requests.counts(), { [GET]: 4, "POST object": 1 });
    const [put, ...gets] = requests.records();
    assert.equal(put.path, `/object/${bucket.id}/dir/a%20b`);
    assert.deepEqual([put.method, put.status, put.requestBytes], ["POST", 200, 70_000]);
    assert.deepEqual(gets.map(({ status }) => status).toSorted(), [200, 200, 200, 400]);
    assert.deepEqual(gets.slice(0, 3).map(({ responseBytes }) => responseBytes), [
      ...[70_000, 70_000, 70_000],
    ]);
    assert(requests.mostInFlight >= 1 && requests.mostInFlight <= 3);
    assert(gets.every(({ inFlight }) => inFlight >= 1 && inFlight <= 3));
    requests.reset();
    assert.deepEqual([requests.counts(), requests.records()], [{}, []]);
  }));
