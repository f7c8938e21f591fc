import { join } from "node:path";
import { readSchemaFiles, type SchemaFile } from "./schema_files.ts";

/**
 * The migrations of the baseline, and the schema file that each starts with. A migration ends
 * before the first file of the next one.
 */
const BASELINE = [
  { name: "holdfast_schema", from: "requirements.sql" },
  { name: "holdfast_engine", from: "functions/row_values.sql" },
  { name: "holdfast_backup", from: "functions/backup_start.sql" },
  { name: "holdfast_import_and_restore", from: "functions/rollback_unsealed.sql" },
  { name: "holdfast_schedule_and_status", from: "functions/cron_expressions.sql" },
  { name: "holdfast_grants", from: "grants.sql" },
];

/**
 * The minute of the baseline's times. Their seconds are 60 or more. `supabase migration new` never
 * creates such a time, so no migration of a project can have the same time.
 */
const BASELINE_MINUTE = "202611210000";

const HEADER =
  "-- Made of supabase/schemas by `deno task migration --baseline`: change it there.\n";

/** A migration file to write. */
export interface MigrationFile {
  /** Name of the file in `supabase/migrations`. */
  file: string;
  text: string;
}

/**
 * Builds the baseline: the schema files in their order.
 *
 * @throws Error if a migration's first file is missing or out of order
 */
export function makeBaseline(schemas: SchemaFile[]): MigrationFile[] {
  const starts = BASELINE.map(({ name, from }) => {
    const at = schemas.findIndex((schema) => schema.path === from);
    if (at === -1) throw new Error(`${name} begins with ${from}, which is not in schema_paths`);
    return at;
  });
  return BASELINE.map(({ name }, index) => {
    const [from, to] = [starts[index]!, starts[index + 1] ?? schemas.length];
    if (from >= to || (index === 0 && from !== 0)) {
      throw new Error(`${name} does not begin where schema_paths has it`);
    }
    const parts = schemas.slice(from, to).map(({ path, text }) => `-- ${path}\n\n${text}`);
    return {
      file: `${BASELINE_MINUTE}${60 + index}_${name}.sql`,
      text: [HEADER, ...parts].join("\n"),
    };
  });
}

/**
 * Replaces all migrations by the baseline. Use it only before the first release: a released
 * migration must not change.
 *
 * @returns the written files
 */
export async function rebuildBaseline(repository: string): Promise<string[]> {
  const files = makeBaseline(await readSchemaFiles(repository));
  const folder = join(repository, "supabase/migrations");
  await Deno.mkdir(folder, { recursive: true });
  for await (const entry of Deno.readDir(folder)) {
    if (entry.name.endsWith(".sql")) await Deno.remove(join(folder, entry.name));
  }
  for (const { file, text } of files) await Deno.writeTextFile(join(folder, file), text);
  return files.map(({ file }) => file);
}
