import assert from "node:assert/strict";
import { splitStatements } from "../../../../tools/migration/statements.ts";

Deno.test("a text is split only at semicolons that end statements", () => {
  const text = `-- Of the file.

-- Of the table; and no more.
create table a.b (
  c text default ';'
);
comment on table a.b is 'It''s; a table.';
create function a.f() returns text language sql as $$ select 1; select ';' $$;
create function a.g() returns integer language sql
begin atomic
  select 1;
  select case when true then 2 end;
end;
select "odd;name"; -- done;
`;
  assert.deepEqual(
    splitStatements(text).map(({ subject, line, comment }) => [subject, line, comment]),
    [
      ["table a.b", 4, "-- Of the table; and no more."],
      ["comment table a.b", 7, ""],
      ["function a.f", 8, ""],
      ["function a.g", 9, ""],
      [undefined, 14, ""],
    ],
  );
  assert.match(splitStatements(text)[3]!.sql, /^create function a\.g[^]*end;$/);
});

Deno.test("created and replaced subjects have the same name", () => {
  const subjects = (text: string) => splitStatements(text).map(({ subject }) => subject);
  assert.deepEqual(subjects("create or replace view a.v as select 1;"), ["view a.v"]);
  assert.deepEqual(subjects("create unique index i on a.b (c);"), ["index a.i"]);
  assert.deepEqual(subjects("create schema if not exists a;"), ["schema a"]);
  assert.deepEqual(subjects("comment on column a.b.c is 'C';"), ["comment column a.b.c"]);
});

Deno.test("an unterminated statement is refused", () => {
  assert.deepEqual(splitStatements("-- Nothing but a comment.\n"), []);
  assert.throws(() => splitStatements("select 1"), /does not end with ;: select 1/);
});
