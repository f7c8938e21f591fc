import assert from "node:assert/strict";
import { compareCatalogs, describeDifference } from "../../../../tools/migration/compare.ts";
import { deriveMigration } from "../../../../tools/migration/derive.ts";
import { buildCatalogs } from "../../../../tools/migration/scratch_databases.ts";

const ROLE = `
do $$ begin
  if to_regrole('holdfast_worker') is null then create role holdfast_worker nologin; end if;
end $$;
`;

const BEFORE = `${ROLE}
create schema holdfast;
create schema holdfast_private;
create table holdfast_private.settings (name text primary key, value jsonb not null, description text not null);
insert into holdfast_private.settings values ('workers', '2', 'How many.');
create table holdfast.runs (id bigint primary key);
comment on table holdfast.runs is 'Runs.';
comment on column holdfast.runs.id is 'Its number.';
create view holdfast.newest as select id from holdfast.runs;
create function holdfast.same() returns integer language sql set search_path = '' as $$ select 1 $$;
create function holdfast.changed(a integer) returns integer language sql as $$ select 1 $$;
create function holdfast.retyped(a integer) returns integer language sql as $$ select 1 $$;
create function holdfast.unwanted() returns integer language sql as $$ select 1 $$;
create function holdfast.granted() returns integer language sql as $$ select 1 $$;
revoke all on function holdfast.same(), holdfast.changed(integer), holdfast.retyped(integer),
  holdfast.unwanted(), holdfast.granted() from public;
`;

const AFTER = `${ROLE}
create schema holdfast;
create schema holdfast_private;
create table holdfast_private.settings (name text primary key, value jsonb not null, description text not null);
insert into holdfast_private.settings values ('workers', '3', 'How many.');
create table holdfast.runs (
  id bigint primary key,
  kind text not null
);
comment on table holdfast.runs is 'All runs.';
comment on column holdfast.runs.id is 'Its number.';
create index runs_kind on holdfast.runs (kind);
create view holdfast.newest as select id, 'a' as kind from holdfast.runs;
create function holdfast.same() returns integer language sql set search_path = '' as $$ select 1 $$;
-- Why it is 2.
create function holdfast.changed(a integer) returns integer language sql as $$ select 2 $$;
comment on function holdfast.changed(integer) is 'It''s two.';
create function holdfast.retyped(a bigint) returns text language sql as $$ select '1' $$;
create function holdfast.granted() returns integer language sql as $$ select 1 $$;
create function holdfast.fresh() returns integer language sql as $$ select holdfast.changed(1) $$;
revoke all on function holdfast.same(), holdfast.changed(integer), holdfast.retyped(bigint),
  holdfast.granted(), holdfast.fresh() from public;
grant execute on function holdfast.granted(), holdfast.fresh() to holdfast_worker;
`;

/** The stub as a developer completes it. */
const COMPLETED = `
alter table holdfast.runs add column kind text not null;
update holdfast_private.settings set value = '3' where name = 'workers';
`;

const schemas = [{ path: "all.sql", text: AFTER }];
const named = (text: string) => [{ name: "all.sql", text }];

Deno.test("a migration changes the migrated schema into the declared one", async (t) => {
  const { migrated, declared } = await buildCatalogs(named(BEFORE), named(AFTER));
  const differences = compareCatalogs(migrated, declared);

  await t.step("each difference is named with its kind", () => {
    assert.deepEqual(differences.map(describeDifference), [
      "function holdfast.changed(integer): comment, definition differ",
      "function holdfast.fresh(): in schemas, in no migration",
      "function holdfast.granted(): grants differ",
      "function holdfast.retyped(bigint): arguments, definition, result differ",
      "function holdfast.unwanted(): in migrations, not in schemas",
      "index holdfast.runs_kind: in schemas, in no migration",
      "setting workers: value differ",
      "table holdfast.runs: columns, comment differ",
      "view holdfast.newest: columns, definition differ",
    ]);
  });

  const text = deriveMigration(differences, schemas);

  await t.step("functions, views, comments and grants are written, tables are a stub", () => {
    assert.match(
      text,
      /^-- To write by hand:\n-- table holdfast\.runs: columns\n-- {3}\+ kind text not null$/m,
    );
    assert.match(text, /^-- setting workers: value\n-- {3}- 2\n-- {3}\+ 3$/m);
    assert.match(text, /^comment on table holdfast\.runs is 'All runs\.';$/m);
    assert.match(text, /^-- Why it is 2\.\ncreate or replace function holdfast\.changed\(/m);
    assert.match(text, /^comment on function holdfast\.changed\(integer\) is 'It''s two\.';$/m);
    assert.match(
      text,
      /^drop function holdfast\.retyped\(integer\);\ncreate or replace function holdfast\.retyped\(a bigint\)/m,
    );
    assert.match(text, /^grant execute on function holdfast\.granted\(\) to holdfast_worker;$/m);
    assert.match(text, /^drop function holdfast\.unwanted\(\);$/m);
    assert.doesNotMatch(text, /holdfast\.same/);
  });

  await t.step("after the completed migration there is no difference", async () => {
    const after = await buildCatalogs(named(BEFORE + COMPLETED + text), named(AFTER));
    assert.deepEqual(compareCatalogs(after.migrated, after.declared).map(describeDifference), []);
  });
});

Deno.test("a file that PostgreSQL refuses is named", async () => {
  await assert.rejects(
    buildCatalogs(named("select 1 / 0;"), []),
    /supabase\/all\.sql: division by zero/,
  );
});
