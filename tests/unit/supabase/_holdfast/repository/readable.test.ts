import assert from "node:assert/strict";
import { assertReadable } from "../../../../../supabase/functions/_holdfast/repository/formats.ts";

const tooLarge = { code: "snapshot_too_large" };

Deno.test("a document that a reader would refuse is not written", () => {
  const write = (value: object) => assertReadable(JSON.stringify(value), value);
  write({ buckets: Array(100_000).fill({ id: "a" }) });
  assert.throws(() => write({ buckets: Array(100_001).fill({}) }), tooLarge);
  assert.throws(() => write({ totals: Array(21).fill(Array(100_000).fill(0)) }), tooLarge);
  assert.throws(() => write({ id: "x".repeat(33 * 1024 * 1024) }), tooLarge);
});
