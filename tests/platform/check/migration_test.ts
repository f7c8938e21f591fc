import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compareCatalogs } from "../../../tools/migration/catalog.ts";
import { readBothCatalogs } from "../../../tools/migration/databases.ts";
import { deriveMigration } from "../../../tools/migration/derive.ts";
import { readSchemaFiles } from "../../../tools/migration/schema_files.ts";
import { createWorkspace } from "../../stack/process/workspace.ts";

const SUPABASE = fileURLToPath(new URL("../../../supabase/", import.meta.url));

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copy(join(from, name), join(to, name));
    else await Deno.copyFile(join(from, name), join(to, name));
  }
}

async function edit(path: string, change: (text: string) => string): Promise<void> {
  const text = await Deno.readTextFile(path);
  assert.notEqual(change(text), text, `nothing of ${path} changed`);
  await Deno.writeTextFile(path, change(text));
}

async function differences(repository: string) {
  const { migrated, declared } = await readBothCatalogs(repository);
  return compareCatalogs(migrated, declared);
}

Deno.test("a change of the schema files is found, and the migration that is derived makes it", async () => {
  await using workspace = await createWorkspace();
  const repository = workspace.path;
  const schemas = join(repository, "supabase/schemas");
  await copy(join(SUPABASE, "schemas"), schemas);
  await copy(join(SUPABASE, "migrations"), join(repository, "supabase/migrations"));
  await Deno.copyFile(join(SUPABASE, "config.toml"), join(repository, "supabase/config.toml"));
  await edit(join(schemas, "functions/settings.sql"), (text) =>
    text.replace(
      /comment on function (\S*\.set)\(([^)]*)\) is\s*'[^']*'/,
      "comment on function $1($2) is 'New.'",
    ));
  await edit(join(schemas, "functions/scratch_buckets.sql"), (text) =>
    `${text}
create function holdfast.added(a integer) returns integer language sql set search_path = '' as $$ select a $$;
comment on function holdfast.added(integer) is 'Added.';
`);
  await edit(
    join(schemas, "grants.sql"),
    (text) => text.replace(/\n *holdfast\S*\.all_settings\(\),/, ""),
  );
  await edit(
    join(schemas, "tables/audit.sql"),
    (text) => text.replace("\n);", ",\n  more integer\n);"),
  );

  const found = await differences(repository);
  assert.deepEqual(found.map(({ identity }) => identity.replace(/holdfast_private/g, "holdfast")), [
    "column holdfast.audit.more",
    "comment function holdfast.added(integer)",
    "comment function holdfast.set(text,jsonb)",
    "function holdfast.added(integer)",
    "grant EXECUTE on function holdfast.all_settings() to holdfast_worker",
  ]);
  const text = deriveMigration(found, await readSchemaFiles(repository));
  assert.match(text, /-- complete by hand: column holdfast\S*\.audit\.more/);
  const completed = `${text}\nalter table holdfast.audit add column more integer;\n`;
  const path = "supabase/migrations/20991231235959_holdfast_next.sql";
  await Deno.writeTextFile(join(repository, path), completed);
  assert.deepEqual(await differences(repository), []);
});
