import assert from "node:assert/strict";
import { retryAfter } from "../../../../../../supabase/functions/_holdfast/lib/http/retry_after.ts";
import { TestClock } from "../../../test_clock.ts";

Deno.test("Retry-After is read in both forms, and a malformed value is ignored", () => {
  const clock = new TestClock();
  const after = (value: string) =>
    retryAfter(new Response("", { headers: { "retry-after": value } }), clock);
  assert.equal(after("0"), 0);
  assert.equal(after("1.5"), 1_500);
  assert.equal(after("-5"), 0);
  assert.equal(after("Fri, 01 Jan 2021 00:00:00 GMT"), 0);
  assert.equal(after(new Date(clock.date().getTime() + 60_000).toUTCString()), 60_000);
  for (const nonsense of ["soon", "Infinity", "NaN"]) assert.equal(after(nonsense), undefined);
  assert.equal(retryAfter(new Response(""), clock), undefined);
});
