import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readMigrations } from "../../../../stack/migrations.ts";
import { makeBaseline } from "../../../../tools/migration/baseline.ts";
import { readSchemaFiles } from "../../../../tools/migration/schema_files.ts";

const REPOSITORY = fileURLToPath(new URL("../../../../", import.meta.url));

Deno.test("the baseline contains each schema file once, in order, in few migrations", async () => {
  const schemas = await readSchemaFiles(REPOSITORY);
  const files = makeBaseline(schemas);
  assert.ok(files.length >= 4 && files.length <= 8, `${files.length} files`);
  const all = files.map(({ text }) => text).join("");
  let from = 0;
  for (const { path, text } of schemas) {
    const at = all.indexOf(`-- ${path}\n\n${text}`, from);
    assert.ok(at >= from, `${path} is there, after the one before it`);
    from = at + text.length;
  }
  for (const { file } of files) assert.match(file, /^\d{12}[6-9]\d_holdfast_\w+\.sql$/);
});

Deno.test("a baseline whose parts are out of order is refused", async () => {
  const schemas = await readSchemaFiles(REPOSITORY);
  assert.throws(
    () => makeBaseline(schemas.toReversed()),
    /does not begin where schema_paths has it/,
  );
  assert.throws(() => makeBaseline(schemas.slice(1)), /which is not in schema_paths/);
});

Deno.test("the baseline comes first in the folder", async () => {
  const present = await readMigrations(`${REPOSITORY}supabase/migrations`);
  const files = makeBaseline(await readSchemaFiles(REPOSITORY));
  assert.deepEqual(
    present.slice(0, files.length).map(({ version, name }) => `${version}_${name}.sql`),
    files.map(({ file }) => file),
  );
});
