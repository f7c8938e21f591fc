import assert from "node:assert/strict";
import { applyPatch } from "diff";
import fc from "fast-check";
import { unifiedDiff } from "../../../../cli/add/diff.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("a diff names the file and shows three lines around each change", () => {
  const before = bytes("1\n2\n3\n4\n5\n6\n7\n8\n9\n");
  const after = bytes("1\n2\n3\n4\nfive\n6\n7\n8\n9\n");
  assert.equal(
    unifiedDiff("supabase/config.toml", before, after),
    "--- supabase/config.toml\n+++ supabase/config.toml\n" +
      "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n",
  );
});

Deno.test("a missing newline at the end of the file is reported", () => {
  assert.match(
    unifiedDiff("a", bytes("1"), bytes("1\n")),
    /-1\n\\ No newline at end of file\n\+1\n/,
  );
});

Deno.test("a new or deleted file is compared with /dev/null; two missing files have no diff", () => {
  assert.match(unifiedDiff("a", undefined, bytes("x\n")), /^--- \/dev\/null\n\+\+\+ a\n/);
  assert.match(unifiedDiff("a", bytes("x\n"), undefined), /^--- a\n\+\+\+ \/dev\/null\n/);
  assert.equal(unifiedDiff("a", bytes("x\n"), bytes("x\n")), "");
});

Deno.test("a diff applied to one text gives the other text", () => {
  const text = fc.array(fc.constantFrom("a\n", "b\n", "c\r\n", "é\n", "\n"), { maxLength: 30 })
    .map((lines) => lines.join(""));
  fc.assert(fc.property(text, text, (before, after) => {
    const diff = unifiedDiff("a", bytes(before), bytes(after));
    assert.equal(diff === "" ? before : applyPatch(before, diff), after);
  }));
});
