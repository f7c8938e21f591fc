import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { HoldfastError } from "../../../../../supabase/functions/_holdfast/config/errors.ts";
import { gunzipText } from "../../../../../supabase/functions/_holdfast/repository/gunzip_limited.ts";

const MIB = 1024 * 1024;

function packed(content: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gzipSync(content));
}

async function refused(bytes: Uint8Array<ArrayBuffer>, message: RegExp): Promise<void> {
  await assert.rejects(gunzipText("lists/a", bytes), (error) => {
    assert.ok(error instanceof HoldfastError, String(error));
    assert.equal(error.code, "repository_damaged");
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("a part is decompressed correctly at all chunk boundaries", async () => {
  const text = Array.from({ length: 30_000 }, (_, n) => `{"n":${n},"é€😀":"${n * n}"}\n`).join("");
  assert.equal(await gunzipText("lists/a", packed(text)), text);
  assert.equal(await gunzipText("lists/a", packed("")), "");
});

Deno.test("a part that is too large after decompression is refused before it is fully decompressed", async () => {
  await refused(packed(new Uint8Array(200 * MIB)), /^lists\/a can't be unpacked: .* more than/);
  assert.equal((await gunzipText("lists/a", packed(" ".repeat(32 * MIB)))).length, 32 * MIB);
});

Deno.test("bytes that are not gzip, are truncated or are not UTF-8 are refused", async () => {
  const whole = packed("some text ".repeat(1_000));
  await refused(whole.subarray(0, whole.length - 5), /can't be unpacked/);
  await refused(new TextEncoder().encode("no gzip"), /can't be unpacked/);
  await refused(new Uint8Array(0), /can't be unpacked/);
  await refused(packed(new Uint8Array([0xff, 0xfe])), /can't be unpacked/);
});
