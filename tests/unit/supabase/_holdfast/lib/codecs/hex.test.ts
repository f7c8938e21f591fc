import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import {
  fromHex,
  hexDigest,
  toHex,
} from "../../../../../../supabase/functions/_holdfast/lib/codecs/hex.ts";

Deno.test("bytes are the same after encoding and decoding", async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array(), async (bytes) => {
    const copy = new Uint8Array(bytes);
    assert.deepEqual(fromHex(toHex(copy)), copy);
    assert.equal(await hexDigest(copy), createHash("sha256").update(bytes).digest("hex"));
  }));
});
