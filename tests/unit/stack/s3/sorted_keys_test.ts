import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { compareUtf8, SortedKeys } from "../../../../stack/s3/sorted_keys.ts";

/** Strings of few characters, some of which UTF-16 and UTF-8 sort differently. */
const key = fc.array(fc.constantFrom("a", "b", "/", "é", "～", "🦀", "\u{10000}"), { maxLength: 5 })
  .map((characters) => characters.join(""));

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

Deno.test("S3 stand-in: keys compare as their UTF-8 bytes do", () => {
  fc.assert(
    fc.property(key, key, (a, b) => {
      assert.equal(Math.sign(compareUtf8(a, b)), byBytes(a, b));
    }),
  );
});

Deno.test("S3 stand-in: the index is a sorted set after any operations", () => {
  const change = fc.record({ key, adds: fc.boolean() });
  fc.assert(
    fc.property(fc.array(key), fc.array(change), key, (loaded, changes, start) => {
      const index = new SortedKeys();
      const model = new Set(loaded);
      index.load(model);
      for (const { key, adds } of changes) {
        if (adds) index.add(key);
        else index.delete(key);
        if (adds) model.add(key);
        else model.delete(key);
      }
      const expected = [...model].sort(byBytes).filter((key) => byBytes(key, start) >= 0);
      assert.deepEqual([...index.from((key) => compareUtf8(key, start) < 0)], expected);
    }),
  );
});

Deno.test("S3 stand-in: the index splits and empties its chunks", () => {
  const index = new SortedKeys();
  const keys = Array.from({ length: 5000 }, (_, number) => String(number).padStart(4, "0"));
  // The order of deletions cycles through all chunks.
  for (let step = 0; step < 7; step++) {
    for (let at = step; at < keys.length; at += 7) index.add(keys[at]);
  }
  assert.deepEqual([...index.from(() => false)], keys);
  for (const key of keys.slice(100, 4900)) index.delete(key);
  assert.deepEqual([...index.from(() => false)], [...keys.slice(0, 100), ...keys.slice(4900)]);
});
