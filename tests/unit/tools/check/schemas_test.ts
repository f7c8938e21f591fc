import assert from "node:assert/strict";
import { checkPaths, checkSchemas } from "../../../../tools/check/schemas.ts";

Deno.test("files and schema_paths must name each other, each once", () => {
  assert.deepEqual(checkPaths(["a.sql", "b/c.sql"], ["a.sql", "b/c.sql"]), []);
  assert.deepEqual(checkPaths(["a.sql", "a.sql", "b.sql"], ["a.sql", "c.sql"]), [
    "schema_paths: supabase/schemas/b.sql is not there",
    "schema_paths: a.sql is listed twice",
    "supabase/schemas/c.sql: not listed in schema_paths of supabase/config.toml",
  ]);
});

Deno.test("repeated, replaced and dropped definitions are named with their location", () => {
  const faults = checkSchemas([
    { path: "a.sql", text: "create table x.a (b text);\ncomment on table x.a is 'A.';\n" },
    { path: "b.sql", text: "create function x.f() returns text language sql as $$ select 1 $$;\n" },
    {
      path: "c.sql",
      text:
        "\ncreate or replace function x.f(a text) returns text language sql as $$ select 2 $$;\n" +
        "drop table x.z;\ncreate table x.a (c text);\n",
    },
  ]);
  assert.deepEqual(faults, [
    "supabase/schemas/c.sql:2: schemas say what is, once: no create or replace",
    "supabase/schemas/c.sql:2: function x.f is in supabase/schemas/b.sql:1 too",
    "supabase/schemas/c.sql:3: schemas say what is, once: no drop table",
    "supabase/schemas/c.sql:4: table x.a is in supabase/schemas/a.sql:1 too",
  ]);
});

Deno.test("a long file and upper case are named", () => {
  const faults = checkSchemas([
    { path: "long.sql", text: "select 1;\n".repeat(251) },
    { path: "loud.sql", text: "SELECT 1;\n" },
  ]);
  assert.deepEqual(faults, [
    "supabase/schemas/long.sql: 251 lines; at most 250",
    "supabase/schemas/loud.sql:1: SELECT is not lower case",
  ]);
});
