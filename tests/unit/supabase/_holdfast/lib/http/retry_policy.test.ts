import assert from "node:assert/strict";
import fc from "fast-check";
import { backoffMs } from "../../../../../../supabase/functions/_holdfast/lib/http/retry_policy.ts";

const LONGEST_MS = 5_000;

Deno.test("a wait is jittered below a ceiling that doubles up to five seconds", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 2_000 }), (attempt) => {
    const wait = backoffMs(attempt);
    assert.ok(wait >= 0 && wait <= Math.min(LONGEST_MS, 100 * 2 ** attempt), `${wait} ms`);
  }));
  const waits = Array.from({ length: 200 }, () => backoffMs(10));
  assert.ok(new Set(waits).size > 100, "so that workers do not return at once");
  assert.ok(Math.max(...waits) > LONGEST_MS / 2);
});

Deno.test("a wait is as long as the server asks, up to five seconds, plus jitter", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 20 }), fc.nat(1e9), (attempt, asked) => {
    const wait = backoffMs(attempt, asked);
    const least = Math.min(asked, LONGEST_MS);
    assert.ok(wait >= least && wait <= least + LONGEST_MS, `${wait} ms`);
  }));
  const waits = Array.from({ length: 200 }, () => backoffMs(1, 1_000));
  assert.ok(new Set(waits).size > 100, "so that workers do not return at once");
});
