/**
 * `deno task migration NAME`: derives the next migration, by comparing what the migrations make with
 * what supabase/schemas declares. `deno task migration --baseline` makes all migrations anew, which is
 * only right before the first release.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { makeBaseline } from "./baseline.ts";
import { compareCatalogs } from "./catalog.ts";
import { readBothCatalogs } from "./databases.ts";
import { deriveMigration } from "./derive.ts";
import { readSchemaFiles } from "./schema_files.ts";

const USAGE = `deno task migration NAME        derive the next migration from supabase/schemas
deno task migration --baseline  make all migrations anew; only before the first release`;

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const MIGRATIONS = join(REPOSITORY, "supabase/migrations");

Deno.exitCode = await run();

async function run(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { baseline: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (values.baseline && positionals.length === 0) return await writeBaseline();
  const [name] = positionals;
  if (values.help || positionals.length !== 1 || !/^[a-z][a-z0-9_]*$/.test(name!)) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  return await writeNext(name!);
}

async function writeBaseline(): Promise<number> {
  for await (const { name } of Deno.readDir(MIGRATIONS)) await Deno.remove(join(MIGRATIONS, name));
  const files = makeBaseline(await readSchemaFiles(REPOSITORY));
  for (const { name, text } of files) await Deno.writeTextFile(join(MIGRATIONS, name), text);
  console.log(`wrote ${files.length} migrations`);
  return 0;
}

async function writeNext(name: string): Promise<number> {
  const { migrated, declared } = await readBothCatalogs(REPOSITORY);
  const differences = compareCatalogs(migrated, declared);
  if (differences.length === 0) {
    console.log("supabase/migrations and supabase/schemas agree: there is nothing to do");
    return 0;
  }
  const text = deriveMigration(differences, await readSchemaFiles(REPOSITORY));
  const time = new Date().toISOString().replace(/\D/g, "").slice(0, 14);
  const path = join(MIGRATIONS, `${time}_holdfast_${name}.sql`);
  await Deno.writeTextFile(path, text);
  const byHand = text.match(/^-- complete by hand/gm)?.length ?? 0;
  console.log(`wrote ${path}`);
  if (byHand > 0) console.log(`${byHand} changes of tables are to be completed by hand`);
  return 0;
}
