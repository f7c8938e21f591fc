import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { replaceBetweenMarks } from "../../bench/document.ts";

const DOCUMENT = fileURLToPath(new URL("../../../docs/PERFORMANCE.md", import.meta.url));

Deno.test("a new table takes the place of the old one, and nothing else's", async () => {
  const document = await Deno.readTextFile(DOCUMENT);
  const once = replaceBetweenMarks(document, "the first table");
  const twice = replaceBetweenMarks(once, "the second table");
  assert.ok(!twice.includes("the first table"));
  assert.equal(twice.replace("the second table", "the first table"), once);
  const [before] = once.split("the first table");
  assert.ok(document.startsWith(before!.trimEnd()));
});

Deno.test("a document without a place for it is left alone", () => {
  assert.throws(() => replaceBetweenMarks("# Performance\n", "table"), /begin/);
});
