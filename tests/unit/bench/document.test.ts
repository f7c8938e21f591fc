import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { replaceBetweenMarks } from "../../bench/document.ts";

const DOCUMENT = fileURLToPath(new URL("../../../docs/PERFORMANCE.md", import.meta.url));

Deno.test("a new table replaces the old one and nothing else", async () => {
  const document = await Deno.readTextFile(DOCUMENT);
  const once = replaceBetweenMarks(document, "what was measured first");
  const twice = replaceBetweenMarks(once, "what was measured second");
  assert.ok(!twice.includes("what was measured first"));
  assert.equal(twice.replace("what was measured second", "what was measured first"), once);
  const [before] = once.split("what was measured first");
  assert.ok(document.startsWith(before!.trimEnd()));
});

Deno.test("a document without the table's marks is not changed", () => {
  assert.throws(() => replaceBetweenMarks("# Performance\n", "table"), /begin/);
});
