import assert from "node:assert/strict";
import fc from "fast-check";
import type { BackupItem } from "../../../../../supabase/functions/_holdfast/backup/items.ts";
import { cutPage, pageObjects } from "../../../../../supabase/functions/_holdfast/backup/page.ts";
import { PART_BYTES } from "../../../../../supabase/functions/_holdfast/backup/parts.ts";
import {
  PAGE_BYTES,
  PAGE_OBJECTS,
} from "../../../../../supabase/functions/_holdfast/engine/budget.ts";

function item(name: string, size: number | null, blob: number | null = null): BackupItem {
  const [bucket_id, object_id, version] = ["b", "o", "v"];
  return { bucket_id, name, object_id, version, size, etag: null, metadata: {}, blob };
}

/** Bytes that copying takes: a held object and one that goes by parts take none here. */
const bytes = ({ blob, size }: BackupItem) =>
  blob || (size ?? 0) > PART_BYTES ? 0 : size ?? PART_BYTES;

const items = fc.array(
  fc.record({
    size: fc.oneof(fc.constant(null), fc.nat(PART_BYTES), fc.nat(20 * PART_BYTES)),
    blob: fc.option(fc.integer({ min: 1, max: 9 })),
  }),
  { maxLength: 60 },
).map((all) => all.map(({ size, blob }, index) => item(`${index}`, size, blob)));

Deno.test("pages follow one another without a gap, each within its number and bytes", () => {
  fc.assert(fc.property(items, fc.integer({ min: 1, max: 30 }), (all, most) => {
    const pages: BackupItem[][] = [];
    for (let rest: readonly BackupItem[] = all; rest.length > 0;) {
      const page = cutPage(rest, most);
      assert.ok(page.length > 0, "a page of nothing would never end");
      assert.ok(page.length <= most);
      const total = page.reduce((sum, one) => sum + bytes(one), 0);
      assert.ok(total <= PAGE_BYTES || page.length === 1, `${total} bytes`);
      const next = rest[page.length];
      assert.ok(
        next === undefined || page.length === most || total + bytes(next) > PAGE_BYTES,
        "no page is shorter than it must be",
      );
      pages.push(page);
      rest = rest.slice(page.length);
    }
    assert.deepEqual(pages.flat(), all);
  }));
});

Deno.test("no items make no page, and any items one", () => {
  assert.deepEqual(cutPage([], 500), []);
  assert.equal(cutPage([item("a", 1), item("b", 1)], 0).length, 1, "and any items at least one");
});

Deno.test("an object of unknown size counts as a whole part, one that is held as nothing", () => {
  const fit = PAGE_BYTES / PART_BYTES;
  const unknown = Array.from({ length: fit + 5 }, (_, index) => item(`${index}`, null));
  assert.equal(cutPage(unknown, 500).length, fit);
  const held = unknown.map((one) => ({ ...one, blob: 1 }));
  assert.equal(cutPage(held, 500).length, fit + 5);
});

Deno.test("a careful lane has pages of one object", () => {
  assert.equal(pageObjects({ careful: false }), PAGE_OBJECTS);
  assert.equal(pageObjects({ careful: true }), 1);
});
