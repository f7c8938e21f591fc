import { compareCatalogs, describeDifference } from "../migration/compare.ts";
import { readBothCatalogs } from "../migration/scratch_databases.ts";
import {
  findSchemaPaths,
  MOST_LINES,
  readSchemaFiles,
  readSchemaPaths,
  type SchemaFile,
  SCHEMAS_FOLDER,
} from "../migration/schema_files.ts";
import { splitStatements } from "../migration/statements.ts";
import type { Check } from "./check.ts";
import { checkText } from "./migrations.ts";

/** Checks the texts of the schemas. */
export const schemaTextCheck: Check = {
  name: "schemas: all listed, each object defined once, short files, lower case",
  async run({ path }) {
    const [listed, present] = [await readSchemaPaths(path), await findSchemaPaths(path)];
    const faults = checkPaths(listed, present);
    return faults.length > 0 ? faults : checkSchemas(await readSchemaFiles(path));
  },
};

/** Checks that the migrations and the schemas create the same objects. */
export const schemasMigratedCheck: Check = {
  name: "schemas: the migrations make just what they declare",
  async run({ path }) {
    const { migrated, declared } = await readBothCatalogs(path);
    const faults = compareCatalogs(migrated, declared).map(describeDifference);
    return faults.length === 0 ? [] : [...faults, "Run deno task migration NAME."];
  },
};

/** Finds files that are listed but missing, present but not listed, or listed twice. */
export function checkPaths(listed: string[], present: string[]): string[] {
  return [
    ...listed.filter((path) => !present.includes(path))
      .map((path) => `schema_paths: ${SCHEMAS_FOLDER}/${path} is not there`),
    ...listed.filter((path, index) => listed.indexOf(path) !== index)
      .map((path) => `schema_paths: ${path} is listed twice`),
    ...present.filter((path) => !listed.includes(path))
      .map((path) =>
        `${SCHEMAS_FOLDER}/${path}: not listed in schema_paths of supabase/config.toml`
      ),
  ];
}

/** Finds faults in the texts of the schemas. */
export function checkSchemas(files: SchemaFile[]): string[] {
  const faults: string[] = [];
  const locations = new Map<string, string>();
  for (const { path, text } of files) {
    const file = `${SCHEMAS_FOLDER}/${path}`;
    const lines = text.split("\n").length - 1;
    if (lines > MOST_LINES) faults.push(`${file}: ${lines} lines; at most ${MOST_LINES}`);
    faults.push(...checkText(file, text));
    for (const { subject, sql, line } of splitStatements(text)) {
      if (/^create or replace\b/.test(sql) || /^drop\b/.test(sql)) {
        faults.push(
          `${file}:${line}: schemas say what is, once: no ${
            sql.match(/^create or replace|^drop \w+/)![0]
          }`,
        );
      }
      if (subject === undefined) continue;
      const location = locations.get(subject);
      if (location !== undefined) faults.push(`${file}:${line}: ${subject} is in ${location} too`);
      else locations.set(subject, `${file}:${line}`);
    }
  }
  return faults;
}
