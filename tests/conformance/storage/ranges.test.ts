import assert from "node:assert/strict";
import { bucketTest, randomBytes } from "./support.ts";

const RANGES: [range: string, start: number, end: number][] = [
  ["bytes=0-0", 0, 0],
  ["bytes=0-9", 0, 9],
  ["bytes=90-", 90, 99],
  ["bytes=-5", 95, 99],
  ["bytes=-500", 0, 99],
  ["bytes=50-5000", 50, 99],
  ["bytes=99-99", 99, 99],
];

bucketTest("ranges: a range is 206 with the object's etag", async (bucket) => {
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
});

bucketTest("ranges: a range without a byte in it is refused", async (bucket) => {
  await bucket.put("a", randomBytes(100));
  await bucket.put("empty", "");
  for (
    const [name, range] of [["a", "bytes=100-"], ["a", "bytes=500-600"], ["empty", "bytes=0-"]]
  ) {
    const response = await bucket.get(name, { range });
    await response.body?.cancel();
    assert.equal(response.ok, false, `${name} ${range}: ${response.status}`);
  }
});

bucketTest("ranges: If-Match is ignored, with a range and without", async (bucket) => {
  await bucket.put("a", "0123456789");
  const whole = await bucket.get("a", { "if-match": '"another"' });
  assert.equal(whole.status, 200);
  assert.equal(await whole.text(), "0123456789");
  const part = await bucket.get("a", { "if-match": '"another"', range: "bytes=2-3" });
  assert.equal(part.status, 206);
  assert.equal(await part.text(), "23");
  assert.notEqual(part.headers.get("etag"), '"another"');
});
