/** Entry of `deno task migration`: derives the next migration, or rebuilds the baseline. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { allocateTimes } from "../../cli/add/times.ts";
import { readMigrations } from "../../stack/migrations.ts";
import { rebuildBaseline } from "./baseline.ts";
import { compareCatalogs, describeDifference } from "./compare.ts";
import { deriveMigration } from "./derive.ts";
import { readSchemaFiles } from "./schema_files.ts";
import { readBothCatalogs } from "./scratch_databases.ts";

const USAGE = `deno task migration NAME         writes supabase/migrations/TIME_holdfast_NAME.sql:
                                 what the schemas have and the migrations do not make
deno task migration --baseline   replaces all migrations by the schemas; only before the first release
`;

const repository = fileURLToPath(new URL("../..", import.meta.url));

async function writeMigration(name: string): Promise<number> {
  const folder = join(repository, "supabase/migrations");
  const present = await readMigrations(folder);
  const taken = present.find((one) => one.name === `holdfast_${name}`);
  if (taken !== undefined) {
    console.error(`${taken.version}_${taken.name}.sql has this name: choose another one.`);
    return 1;
  }
  const { migrated, declared } = await readBothCatalogs(repository);
  const differences = compareCatalogs(migrated, declared);
  if (differences.length === 0) {
    console.log("The migrations make what supabase/schemas declares: nothing to write.");
    return 0;
  }
  const [time] = allocateTimes(present.map((one) => one.version), 1, new Date());
  const file = `${time}_holdfast_${name}.sql`;
  const text = deriveMigration(differences, await readSchemaFiles(repository));
  await Deno.writeTextFile(join(folder, file), text);
  console.log(`supabase/migrations/${file}`);
  for (const difference of differences) console.log(`  ${describeDifference(difference)}`);
  if (/^-- To write by hand:$/m.test(text)) console.log("Complete it where it says so.");
  return 0;
}

async function main(args: string[]): Promise<number> {
  if (args.length === 1 && args[0] === "--baseline") {
    for (const file of await rebuildBaseline(repository)) {
      console.log(`supabase/migrations/${file}`);
    }
    return 0;
  }
  if (args.length === 1 && /^[a-z][a-z0-9_]*$/.test(args[0]!)) {
    return await writeMigration(args[0]!);
  }
  console.error(USAGE);
  return 2;
}

Deno.exitCode = await main(Deno.args);
