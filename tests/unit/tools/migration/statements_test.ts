import assert from "node:assert/strict";
import {
  definedBy,
  splitStatements,
  withoutComments,
} from "../../../../tools/migration/statements.ts";

Deno.test("a text is split at the semicolons that end statements, and at no others", () => {
  const statements = [
    "-- Why; and more.\ncreate table holdfast.a (b text default ';');",
    "create function holdfast.f() returns int language sql as $$ select 1; select 2; $$;",
    "create function holdfast.g(x int) returns int language sql\nbegin atomic\n" +
    "  select case when x > 0 then 1 end;\n  select 2;\nend;",
    "comment on function holdfast.f() is 'It''s one; or two.';",
  ];
  assert.deepEqual(splitStatements(statements.join("\n\n")), statements);
});

Deno.test("a text without a last semicolon keeps its rest", () => {
  assert.deepEqual(splitStatements("select 1; select 2"), ["select 1;", "select 2"]);
});

Deno.test("what a statement defines is read from its text", () => {
  const cases: [string, ReturnType<typeof definedBy>][] = [
    ["-- A table.\ncreate table holdfast.a (b int);", { kind: "table", name: "holdfast.a" }],
    ["create or replace view holdfast.v as select 1;", { kind: "view", name: "holdfast.v" }],
    ["create unique index a_b on holdfast.a (b);", { kind: "index", name: "a_b" }],
    ["create function holdfast.f(a int) returns int …", { kind: "function", name: "holdfast.f" }],
    ["comment on column holdfast.a.b is 'x is y';", {
      kind: "comment",
      name: "column holdfast.a.b",
    }],
    ["grant execute on function holdfast.f to holdfast_worker;", undefined],
  ];
  for (const [statement, defined] of cases) assert.deepEqual(definedBy(statement), defined);
});

Deno.test("the comments before a statement are taken away, those in it are not", () => {
  assert.equal(withoutComments("-- a\n-- b\nselect 1 -- c\n;"), "select 1 -- c\n;");
});
