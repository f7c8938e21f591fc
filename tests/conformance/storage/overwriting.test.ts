/** Concurrent readers and writers of one object. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type Bucket, bucketTest, call, callJson, randomBytes } from "./support.ts";

/** Larger than the buffers of both ends of a connection, so that most of it is unread. */
const SIZE = 12 * 1024 * 1024;

/** Begins to read. The returned function reads the rest. */
async function beginReading(bucket: Bucket, name: string) {
  const response = await bucket.get(name);
  assert.equal(response.status, 200);
  const reader = response.body!.getReader();
  const { value: first } = await reader.read();
  assert(first);
  return async () => {
    const parts = [first];
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return await new Blob(parts).bytes();
      parts.push(value);
    }
  };
}

const CHANGES: [name: string, change: (bucket: Bucket) => Promise<unknown>][] = [
  ["overwritten", (bucket) => bucket.put("a", "new")],
  ["deleted", (bucket) => callJson("DELETE", bucket.path("a"))],
  ["moved", (bucket) =>
    callJson("POST", "/object/move", {
      json: { bucketId: bucket.id, sourceKey: "a", destinationKey: "b" },
    })],
];

for (const [name, change] of CHANGES) {
  bucketTest(
    `overwriting: a reader gets the complete old bytes when they are ${name}`,
    async (bucket) => {
      const bytes = randomBytes(SIZE);
      await bucket.put("a", bytes);
      const goOn = await beginReading(bucket, "a");
      await change(bucket);
      const read = await goOn();
      assert.equal(read.length, SIZE);
      assert.equal(equal(read, bytes), true);
    },
  );
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

bucketTest(
  "overwriting: a read is never a mix, and its etag is that of its bytes",
  async (bucket) => {
    const bodies = [randomBytes(200_000), randomBytes(150_000)];
    const etags = new Map<string, Uint8Array>();
    for (const body of bodies) {
      await bucket.put("a", body);
      etags.set(String((await bucket.info("a")).etag), body);
    }
    let writing = true;
    const reader = async () => {
      let read = 0;
      while (writing || read === 0) {
        const response = await bucket.get("a");
        const bytes = await response.bytes();
        // The row's bytes were just replaced. The next read gets the row's new version.
        if (!response.ok) continue;
        const expected = etags.get(response.headers.get("etag") ?? "");
        assert(expected && equal(bytes, expected));
        read++;
      }
    };
    const readers = [reader(), reader()];
    try {
      for (let round = 0; round < 20; round++) await bucket.put("a", bodies[round % 2]);
    } finally {
      writing = false;
      await Promise.all(readers);
    }
  },
);

bucketTest("overwriting: an aborted reader does not affect other requests", async (bucket) => {
  await bucket.put("a", randomBytes(SIZE));
  const response = await bucket.get("a");
  await response.body?.cancel();
  const again = await call("GET", bucket.path("a"));
  assert.equal((await again.bytes()).length, SIZE);
});
