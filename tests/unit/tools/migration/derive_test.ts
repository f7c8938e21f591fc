import assert from "node:assert/strict";
import type { Difference } from "../../../../tools/migration/catalog.ts";
import { deriveMigration } from "../../../../tools/migration/derive.ts";

const FILES = [
  { path: "tables/a.sql", text: "create table holdfast.a (b int, c int);\n" },
  {
    path: "functions/f.sql",
    text:
      "-- Why.\ncreate function holdfast.f(x int) returns int language sql as $$ select 2 $$;\n" +
      "comment on function holdfast.f(int) is 'Two.';\n" +
      "create function holdfast.g() returns int language sql as $$ select 3 $$;\n",
  },
  { path: "grants.sql", text: "revoke all on all functions in schema holdfast from public;\n" },
];

function derive(...differences: Difference[]): string {
  return deriveMigration(differences, FILES);
}

Deno.test("a function that changed is written out whole, with its comment and all grants", () => {
  const text = derive(
    { identity: "function holdfast.f(integer)", before: "old", after: "new" },
    { identity: "comment function holdfast.f(integer)", before: undefined, after: "Two." },
  );
  assert.match(text, /-- Why\.\ncreate or replace function holdfast\.f\(x int\)/);
  assert.match(text, /comment on function holdfast\.f\(int\) is 'Two\.';/);
  assert.match(text, /revoke all on all functions/);
  assert.doesNotMatch(text, /holdfast\.g/);
});

Deno.test("what is declared no more is dropped", () => {
  assert.match(
    derive({ identity: "function holdfast.old(text)", before: "old", after: undefined }),
    /^drop function holdfast\.old\(text\);$/m,
  );
});

Deno.test("a change of a table is named, to be completed by hand", () => {
  const text = derive({ identity: "column holdfast.a.c", before: undefined, after: "integer" });
  assert.match(text, /^-- complete by hand: column holdfast\.a\.c$/m);
  assert.doesNotMatch(text, /^(create|alter) table/m);
});
