import assert from "node:assert/strict";
import { scratchBucket } from "../../../../../../supabase/functions/_holdfast/jobs/restore/scratch.ts";

Deno.test("each run has a scratch bucket of its own, of a name that a bucket may have", () => {
  assert.match(scratchBucket(crypto.randomUUID()), /^[a-z0-9-]{1,63}$/);
});
