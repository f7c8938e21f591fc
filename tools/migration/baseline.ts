import type { SchemaFile } from "./schema_files.ts";

/** A migration to write. */
export interface MigrationFile {
  name: string;
  text: string;
}

/** Functions call others that are defined behind them: their bodies are checked when they run. */
export const CHECK_NO_BODIES = "set local check_function_bodies = off;";

/** The date of the first release's schema: what users apply gets times of its own. */
const DAY = "20261201";

/** The parts of the baseline, in order, each with the folders and files that it is made of. */
const PARTS: readonly [name: string, belongs: RegExp][] = [
  ["schema", /^(schema|types|functions\/text_and_rows)\.sql$/],
  ["tables", /^tables\//],
  // A function whose body is parsed when it is made comes behind the view that it reads.
  ["views", /^(views\/|functions\/source_items\.sql$)/],
  ["functions", /^functions\//],
  ["grants", /^(setup|grants)\.sql$/],
];

/**
 * Makes the migrations of a first release out of the schema files, in their order: a part ends where
 * the next file belongs to another one.
 *
 * @throws Error where a file belongs to no part
 */
export function makeBaseline(files: readonly SchemaFile[]): MigrationFile[] {
  const parts: { name: string; texts: string[] }[] = [];
  for (const { path, text } of files) {
    const part = PARTS.find(([, belongs]) => belongs.test(path));
    if (part === undefined) throw new Error(`supabase/schemas/${path} belongs to no migration`);
    if (parts.at(-1)?.name !== part[0]) parts.push({ name: part[0], texts: [] });
    parts.at(-1)!.texts.push(`-- supabase/schemas/${path}\n\n${text.trim()}`);
  }
  return parts.map(({ name, texts }, index) => ({
    name: `${DAY}${String(index + 1).padStart(6, "0")}_holdfast_${name}.sql`,
    text: `${HEADER}\n\n${CHECK_NO_BODIES}\n\n${texts.join("\n\n")}\n`,
  }));
}

const HEADER =
  "-- Derived from Holdfast's supabase/schemas, which is the place to read and to change.";
