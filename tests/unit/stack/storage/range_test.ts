import assert from "node:assert/strict";
import fc from "fast-check";
import { parseRange } from "../../../../stack/storage/range.ts";

Deno.test("a single range is parsed as in RFC 9110", () => {
  assert.equal(parseRange(null, 10), undefined);
  assert.deepEqual(parseRange("bytes=0-", 10), { start: 0, length: 10 });
  assert.deepEqual(parseRange("bytes=3-3", 10), { start: 3, length: 1 });
  assert.deepEqual(parseRange("bytes=-3", 10), { start: 7, length: 3 });
  assert.equal(parseRange("bytes=10-", 10), "unsatisfiable");
  assert.equal(parseRange("bytes=-0", 10), "unsatisfiable");
  assert.equal(parseRange("bytes=0-", 0), "unsatisfiable");
});

Deno.test("any other Range header selects the complete body", () => {
  for (const header of ["bytes=-", "bytes=5-2", "bytes=0-1,3-4", "items=0-1", "bytes=a-b", ""]) {
    assert.equal(parseRange(header, 10), undefined, header);
  }
});

Deno.test("a satisfiable range lies within the body", () => {
  const size = fc.integer({ min: 0, max: 50 });
  const bound = fc.option(fc.integer({ min: 0, max: 80 }), { nil: "" });
  fc.assert(fc.property(size, bound, bound, (size, start, end) => {
    const range = parseRange(`bytes=${start}-${end}`, size);
    if (range === undefined || range === "unsatisfiable") return;
    assert(range.length >= 1 && range.start >= 0 && range.start + range.length <= size);
  }));
});
