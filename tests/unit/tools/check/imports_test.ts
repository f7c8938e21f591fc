import assert from "node:assert/strict";
import { compareImports, findInexact, findOtherVersions } from "../../../../tools/check/imports.ts";

const ROOT = {
  hono: "npm:hono@4.13.19",
  "@supabase/functions-js": "npm:@supabase/functions-js@2.1.0",
};

Deno.test("a range, a missing version and a source other than npm are not exact versions", () => {
  const imports = {
    exact: "npm:exact@1.2.3",
    beta: "npm:@scope/beta@17.10.0-beta.17",
    caret: "npm:caret@^1.2.3",
    none: "npm:none",
    minor: "npm:minor@1.2",
    jsr: "jsr:@std/path@1.0.0",
  };
  const faults = findInexact("deno.json", imports);
  assert.deepEqual(faults.map((fault) => fault.split(" ")[1]), ["caret", "none", "minor", "jsr"]);
});

Deno.test("a function's import must be the root's", () => {
  assert.deepEqual(compareImports("a/deno.json", { hono: "npm:hono@4.13.19" }, ROOT), []);
  const faults = compareImports(
    "a/deno.json",
    { hono: "npm:hono@4.13.20", zod: "npm:zod@1.0.0" },
    ROOT,
  );
  assert.equal(faults.length, 2);
  assert.match(faults[0]!, /a\/deno.json: hono is npm:hono@4.13.20, .* npm:hono@4.13.19/);
  assert.match(faults[1]!, /zod .* not there/);
});

Deno.test("specifiers in source text must be the root's", () => {
  const find = (text: string) => findOtherVersions({ path: "a.ts", text }, ROOT).length;
  assert.equal(find('/// <reference types="npm:@supabase/functions-js@2.1.0/src/x.d.ts" />'), 0);
  assert.equal(find('/// <reference types="npm:@supabase/functions-js@2.1.1/src/x.d.ts" />'), 1);
  assert.equal(find('import { Hono } from "npm:hono@4.13.19";'), 0);
  assert.equal(find('import { Hono } from "npm:hono";'), 1);
  assert.equal(find("import x from 'npm:other@1.0.0';"), 1);
  assert.equal(find("`npm:${name}@${version}` and npm:hono in prose"), 0);
});
