import assert from "node:assert/strict";
import fc from "fast-check";
import { listPage } from "../../../../../stack/s3/operations/paging.ts";
import { compareUtf8, SortedKeys } from "../../../../../stack/s3/sorted_keys.ts";

const key = fc.array(fc.constantFrom("a", "b", "c", "/", "🦀"), { minLength: 1, maxLength: 6 })
  .map((characters) => characters.join(""));

/** The complete listing, from a simple implementation. */
function completeListing(keys: Iterable<string>, prefix: string, delimiter: string): string[] {
  const entries = new Set<string>();
  for (const key of [...keys].sort(compareUtf8)) {
    if (!key.startsWith(prefix)) continue;
    const end = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
    entries.add(end < 0 ? key : `${key.slice(0, end + delimiter.length)} and below`);
  }
  return [...entries];
}

Deno.test("S3 stand-in: all pages together are the complete listing", () => {
  const prefix = fc.constantFrom("", "a", "a/", "b/", "ab");
  const delimiter = fc.constantFrom("", "/", "b");
  fc.assert(
    fc.property(
      fc.uniqueArray(key, { maxLength: 40 }),
      prefix,
      delimiter,
      fc.integer({ min: 1, max: 5 }),
      (keys, prefix, delimiter, limit) => {
        const index = new SortedKeys();
        index.load(keys);
        const found: string[] = [];
        let after = "";
        for (let truncated = true; truncated;) {
          const page = listPage(index, { prefix, delimiter, after, limit });
          const groups = page.commonPrefixes.map((group) => `${group} and below`);
          const entries = [...page.keys, ...groups];
          assert.ok(entries.length <= limit);
          assert.ok(!page.truncated || page.last !== after, "a page must get on");
          found.push(...entries.sort(compareUtf8));
          ({ truncated, last: after } = page);
        }
        assert.deepEqual(found.sort(), completeListing(keys, prefix, delimiter).sort());
      },
    ),
  );
});
