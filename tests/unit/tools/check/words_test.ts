import assert from "node:assert/strict";
import { findTerms, findWords } from "../../../../tools/check/words.ts";

const found = (text: string, path = "a.ts") => findWords({ path, text }).length;

Deno.test("paths of one machine are found, and URLs and routes are none", () => {
  assert.equal(found('read("/home/me/file")'), 1);
  assert.equal(found("cd /tmp/x"), 1);
  assert.equal(found('"https://example.com/home/me"'), 0);
  assert.equal(found('app.post("/work", f)'), 0);
  assert.equal(found("`${url}/work/x`"), 0);
});

Deno.test("what is unfinished, left over or hidden is found", () => {
  assert.equal(found("// TODO: later"), 1);
  assert.equal(found("a\n<<<<<<< HEAD\nb\n>>>>>>> other\n"), 2);
  assert.equal(found("see issue #12"), 1);
  assert.equal(found("Deno.test.only(x)"), 1);
  assert.equal(found("sanitizeOps: false"), 1);
  assert.equal(found("// deno-lint-ignore no-explicit-any\nx"), 1);
  assert.equal(found("// deno-lint-ignore no-explicit-any -- the library has it so\nx"), 0);
  assert.equal(found("// @ts-expect-error\nx"), 1);
  assert.equal(found("// @ts-expect-error the library's types lag behind\nx"), 0);
});

Deno.test("words of the inside are found where users read, and only there", () => {
  assert.equal(found("Each worker has a lease.", "README.md"), 2);
  assert.equal(found("Each worker has a lease.", "docs/FORMAT.md"), 0);
  assert.equal(found("the code `catalog_behind`", "README.md"), 0);
});

Deno.test("a fault says where it is", () => {
  assert.match(findWords({ path: "a/b.md", text: "x\n\nFIXME\n" })[0]!, /^a\/b\.md:3: FIXME: /);
});

const terms = (text: string) => findTerms({ path: "a.ts", text }).length;

Deno.test("words that have a standard term are found in texts and in identifiers", () => {
  assert.equal(terms("// Each lane is told."), 2);
  assert.equal(terms("const laneLimits = free_lanes();"), 2);
  assert.equal(terms("SPOILT_LIST"), 1);
  assert.equal(terms("as it were, a key hf_look_1"), 2);
  assert.equal(terms("select 'look'"), 1);
});

Deno.test("everyday uses of a word are none", () => {
  assert.equal(terms("replaceAll(x); placement; explanation; plane; template"), 0);
  assert.equal(terms("left join storage.buckets b"), 0);
  assert.equal(terms("createInPlace, MIN_BYTES_IN_PLACE"), 0);
  assert.equal(terms("text.isWellFormed()"), 0);
  assert.equal(terms("// takes place, by the way, in turn"), 0);
  assert.equal(terms("returnedRows, return x"), 0);
  assert.equal(terms("// 410 Gone"), 0);
});

Deno.test("a word with a term says where it is and what the term is", () => {
  assert.match(findTerms({ path: "a.ts", text: "x\nlane" })[0]!, /^a\.ts:2: lane: .*worker$/);
});
