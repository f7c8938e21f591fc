import assert from "node:assert/strict";
import fc from "fast-check";
import {
  PART_BYTES,
  partRanges,
  partSizeFor,
} from "../../../../../supabase/functions/_holdfast/transfer/parts.ts";

const MAX_PARTS = 10_000;
/** The largest object that S3 accepts. */
const MAX_OBJECT_BYTES = 50 * 2 ** 40;

const size = fc.oneof(
  fc.integer({ min: PART_BYTES + 1, max: MAX_OBJECT_BYTES }),
  fc.integer({ min: 1, max: 500 }).chain((parts) =>
    fc.integer({ min: -1, max: 1 }).map((off) => parts * PART_BYTES * MAX_PARTS + off)
  ),
);

Deno.test("the part size is the least multiple of 8 MiB that needs at most 10,000 parts", () => {
  fc.assert(fc.property(size, (bytes) => {
    const part = partSizeFor(bytes);
    assert.equal(part % PART_BYTES, 0);
    assert.ok(Math.ceil(bytes / part) <= MAX_PARTS);
    assert.ok(part === PART_BYTES || Math.ceil(bytes / (part - PART_BYTES)) > MAX_PARTS);
  }));
  assert.equal(partSizeFor(0), PART_BYTES);
  assert.equal(partSizeFor(PART_BYTES * MAX_PARTS), PART_BYTES);
  assert.equal(partSizeFor(PART_BYTES * MAX_PARTS + 1), 2 * PART_BYTES);
});

Deno.test("the parts of an object cover it without gap or overlap", () => {
  const cut = fc.integer({ min: 1, max: 1_000 });
  fc.assert(fc.property(fc.nat(50_000), cut, (bytes, partSize) => {
    const ranges = partRanges(bytes, partSize);
    let next = 0;
    ranges.forEach(({ number, first, last }, index) => {
      assert.equal(number, index + 1);
      assert.equal(first, next);
      assert.ok(last >= first, "no part is empty");
      const length = last - first + 1;
      assert.ok(index === ranges.length - 1 ? length <= partSize : length === partSize);
      next = last + 1;
    });
    assert.equal(next, bytes);
  }));
});

Deno.test("an object of exactly two part sizes has two parts", () => {
  assert.deepEqual(partRanges(2 * PART_BYTES, PART_BYTES), [
    { number: 1, first: 0, last: PART_BYTES - 1 },
    { number: 2, first: PART_BYTES, last: 2 * PART_BYTES - 1 },
  ]);
});
