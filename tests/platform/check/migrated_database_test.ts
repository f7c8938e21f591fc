import assert from "node:assert/strict";
import { join } from "node:path";
import { inspectMigrations } from "../../../tools/check/migrated_database.ts";
import { connectStack } from "../../../stack/client.ts";
import { createWorkspace } from "../../../stack/process/workspace.ts";

const FAULTY = `
create schema holdfast;
comment on schema holdfast is 'A schema.';
create schema holdfast_private;
comment on schema holdfast_private is 'Another schema.';
create table holdfast.silent (id bigint);
create table holdfast.described (id bigint, name text);
comment on table holdfast.described is 'A table.';
comment on column holdfast.described.id is 'A column.';
create view holdfast.seen as select id from holdfast.described;
create function holdfast.loose() returns integer language sql security definer as 'select 1';
comment on function holdfast.loose() is 'A function.';
create function holdfast.tight() returns integer language sql security definer
  set search_path = '' as 'select 1';
create table public.orphaned (id bigint);
`;

Deno.test("migrations without comments or a safe search_path, or in the wrong schema, are named", async () => {
  await using stack = await connectStack();
  await using project = await stack.createProject({ migrate: false, functions: [] });
  await using workspace = await createWorkspace();
  await Deno.writeTextFile(join(workspace.path, "20260101000000_holdfast_faulty.sql"), FAULTY);
  const { databaseUrl, adminDatabaseUrl } = project.info;
  const faults = await inspectMigrations(databaseUrl, adminDatabaseUrl, workspace.path);
  const noComment = "has no comment (comment on … is '…')";
  assert.deepEqual(faults.toSorted(), [
    `column id of table holdfast.silent ${noComment}`,
    `column name of table holdfast.described ${noComment}`,
    `function holdfast.loose(): security definer without search_path = ''`,
    `function holdfast.tight() ${noComment}`,
    `table holdfast.silent ${noComment}`,
    `table orphaned is in neither schema holdfast nor holdfast_private`,
    `view holdfast.seen ${noComment}`,
  ]);
});
