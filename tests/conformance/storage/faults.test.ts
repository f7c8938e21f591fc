/** The faults that tests can inject into the stand-in, and its log. */
import assert from "node:assert/strict";
import type { Fault, FaultRule } from "../../../stack/storage/mod.ts";
import {
  type Bucket,
  bucketTest,
  call,
  randomBytes,
  standInAtRest,
  standInOf,
  until,
} from "./support.ts";

const GET = "GET object/authenticated";
/** Deno's fetch repeats a request of any method if a reused connection was cut before a response. */
const RESETS = 2;

/** Registers a test with a bucket that holds an object `a`, and with an active fault. */
function faultTest(name: string, rule: FaultRule, test: (bucket: Bucket) => Promise<void>): void {
  bucketTest(name, { needs: ["stand-in"] }, async (bucket) => {
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

faultTest("faults: the next requests of a route get a status, with and without Retry-After", {
  route: GET,
  count: 2,
  fault: { status: 503, retryAfterSeconds: 7 },
}, async (bucket) => {
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
});

faultTest("faults: a rule can skip some requests and match the path", {
  pathContains: "/a?x",
  skip: 1,
  fault: { status: 500 },
}, async (bucket) => {
  const statuses = [];
  for (const query of ["", "?x=1", "", "?x=2", "?x=3"]) {
    const response = await call("GET", bucket.path("a", "/authenticated") + query);
    await response.body?.cancel();
    statuses.push(response.status);
  }
  assert.deepEqual(statuses, [200, 200, 200, 500, 200]);
});

faultTest("faults: a hook sees each request", { route: "none", fault: {} }, async (bucket) => {
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
});

faultTest("faults: a connection reset before a write stores nothing", {
  route: "POST object",
  count: RESETS,
  fault: { reset: "before" },
}, async (bucket) => {
  await assert.rejects(call("POST", bucket.path("new"), { body: randomBytes(1000) }));
  const response = await bucket.get("new");
  assert.equal((await response.json()).code, "NoSuchKey");
});

faultTest("faults: a connection reset after a write keeps the write", {
  route: "POST object",
  count: RESETS,
  fault: { reset: "after" },
}, async (bucket) => {
  await assert.rejects(call("POST", bucket.path("new"), { body: "done" }));
  assert.equal(await bucket.text("new"), "done");
});

const SHORT: Fault = { truncateAfterBytes: 4 };

faultTest("faults: a body is cut short", { route: GET, fault: SHORT }, async (bucket) => {
  const response = await bucket.get("a");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-length"), "10");
  await assert.rejects(response.text());
});

const WRONG: Fault = { etag: '"wrong"', flipByteAt: 3 };

faultTest("faults: a wrong etag, a flipped byte", { route: GET, fault: WRONG }, async (bucket) => {
  const response = await bucket.get("a");
  assert.equal(response.headers.get("etag"), '"wrong"');
  const bytes = await response.bytes();
  assert.equal(bytes.length, 10);
  assert.equal(bytes[3], "3".charCodeAt(0) ^ 0xff);
  assert.equal(bytes[4], "4".charCodeAt(0));
});

const DELAYED: Fault = { delayMilliseconds: 100 };

faultTest("faults: a delayed request can be aborted", { fault: DELAYED }, async (bucket) => {
  const giveUp = new AbortController();
  const reading = bucket.get("a", {}, giveUp.signal);
  await until(() => standInOf().requests.inFlight > 0);
  giveUp.abort();
  await assert.rejects(reading, { name: "AbortError" });
  await standInAtRest();
});

const LONG_DELAYED: Fault = { delayMilliseconds: 600_000 };

faultTest(
  "faults: a delay ends when the faults are cleared",
  { fault: LONG_DELAYED },
  async (bucket) => {
    const reading = bucket.get("a");
    await until(() => standInOf().requests.inFlight > 0);
    standInOf().faults.clear();
    const response = await reading;
    assert.equal(response.status, 200);
    await response.body?.cancel();
  },
);

bucketTest("log: every request is recorded, with its bytes and the number of concurrent requests", {
  needs: ["stand-in"],
}, async (bucket) => {
  await standInAtRest();
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
});
