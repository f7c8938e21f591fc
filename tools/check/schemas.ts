import { compareCatalogs } from "../migration/catalog.ts";
import { readBothCatalogs } from "../migration/databases.ts";
import { readSchemaFiles, type SchemaFile } from "../migration/schema_files.ts";
import { definedBy, splitStatements } from "../migration/statements.ts";
import type { Check } from "./check.ts";

/** Longer files hold more than one concern. */
const MAX_LINES = 250;

/** What the text of the schema files shows. */
export const schemaTextCheck: Check = {
  name: "schemas: each object defined once, no file too long",
  run: async ({ path }) => findSchemaFaults(await readSchemaFiles(path)),
};

/** Objects that are defined or commented on twice, and files that are too long. */
export function findSchemaFaults(files: readonly SchemaFile[]): string[] {
  const faults: string[] = [];
  const seen = new Map<string, string>();
  for (const { path, text } of files) {
    const lines = text.split("\n").length - 1;
    if (lines > MAX_LINES) faults.push(`${path} has ${lines} lines, more than ${MAX_LINES}`);
    for (const defined of splitStatements(text).map(definedBy)) {
      if (defined === undefined) continue;
      const key = `${defined.kind} ${defined.name}`;
      const other = seen.get(key);
      if (other !== undefined) faults.push(`${path}: ${key} is in ${other} already`);
      seen.set(key, path);
    }
  }
  return faults;
}

/** What PostgreSQL makes of both. */
export const schemasEqualMigrationsCheck: Check = {
  name: "migrations make what schemas declare",
  async run({ path }) {
    const { migrated, declared } = await readBothCatalogs(path);
    return compareCatalogs(migrated, declared).map(({ identity, before, after }) => {
      if (before === undefined) return `${identity} is declared, and no migration makes it`;
      if (after === undefined) return `${identity} is made by a migration and not declared`;
      return `${identity} is declared otherwise than the migrations make it`;
    });
  },
};
