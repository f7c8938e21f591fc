import assert from "node:assert/strict";
import { checkNames, checkText } from "../../../../tools/check/migrations.ts";

const faultsOf = (sql: string) =>
  checkText("a.sql", sql).map((fault) => fault.replace("a.sql:", ""));

Deno.test("names are 14 digits and holdfast_…, and both parts are unique", () => {
  assert.deepEqual(
    checkNames(["20260101000000_holdfast_a.sql", "20260101000001_holdfast_b.sql"]),
    [],
  );
  const faults = checkNames([
    "20260101000000_holdfast_a.sql",
    "20260101000000_holdfast_b.sql",
    "20260101000001_holdfast_a.sql",
    "20260101_holdfast_c.sql",
    "20260101000002_other.sql",
    "README.md",
  ]);
  assert.equal(faults.length, 5);
  assert.match(faults[0]!, /20260101000000 is in 20260101000000_holdfast_a.sql too/);
  assert.match(faults[1]!, /holdfast_a is in /);
});

Deno.test("upper case is found in code, and not in comments, strings or quoted names", () => {
  assert.deepEqual(faultsOf("Select 1;\n"), ["1: Select is not lower case"]);
  assert.deepEqual(
    faultsOf(`-- A comment's end
      /* ANOTHER */
      select 'A ''B''', E'\\'C', "D ""E""" from t;
      do $$ begin raise exception 'F'; end $$;
      create function f() returns text language sql as $body$ select $$G$$ $body$;
    `),
    ["5: G is not lower case"],
    "what is in dollar quotes is code",
  );
  assert.deepEqual(faultsOf("select 1;\n\ndo $$\nBEGIN\n  null;\nend\n$$;\n"), [
    "4: BEGIN is not lower case",
  ]);
});

Deno.test("statements that end a transaction or cannot run in one are found", () => {
  assert.deepEqual(faultsOf("begin;\nselect 1;\ncommit;\n").map((fault) => fault.split(" ")[1]), [
    "begin",
    "commit",
  ]);
  assert.deepEqual(faultsOf("do $$ begin null; end $$;"), []);
  assert.deepEqual(faultsOf("create index concurrently i on t (a);").length, 1);
  assert.deepEqual(faultsOf("create trigger t after insert on t execute function f(begin);"), []);
});

Deno.test("the last statement must be terminated, because another file follows", () => {
  assert.deepEqual(faultsOf("select 1"), [" its last statement does not end with ;"]);
  assert.deepEqual(faultsOf("select 1; -- the end"), []);
});
