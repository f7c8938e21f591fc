import assert from "node:assert/strict";
import { scratchBucket } from "../../../../../../supabase/functions/_holdfast/jobs/restore/scratch.ts";

Deno.test("each run has its own scratch bucket with a valid name", () => {
  assert.match(scratchBucket(crypto.randomUUID()), /^[a-z0-9-]{1,63}$/);
});
