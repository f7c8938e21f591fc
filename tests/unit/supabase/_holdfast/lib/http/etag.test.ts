import assert from "node:assert/strict";
import { unquoteEtag } from "../../../../../../supabase/functions/_holdfast/lib/http/etag.ts";

Deno.test("an etag is the same with and without quotes and the weak prefix", () => {
  for (const etag of ["e-1", '"e-1"', 'W/"e-1"']) assert.equal(unquoteEtag(etag), "e-1");
  assert.equal(unquoteEtag(null), "");
});
