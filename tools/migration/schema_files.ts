import { join } from "node:path";
import { parse } from "smol-toml";

/** One file of `supabase/schemas`. */
export interface SchemaFile {
  /** Path below `supabase/schemas`, with `/`: `tables/runs.sql`. */
  path: string;
  text: string;
}

/** Path of the schemas' folder from the repository's folder. */
export const SCHEMAS_FOLDER = "supabase/schemas";

/** Maximum number of lines of a schema file, so that each file has one concern. */
export const MOST_LINES = 250;

/**
 * Reads the files of `supabase/schemas` in the order of `schema_paths` in `supabase/config.toml`.
 */
export async function readSchemaFiles(repository: string): Promise<SchemaFile[]> {
  const files: SchemaFile[] = [];
  for (const path of await readSchemaPaths(repository)) {
    files.push({ path, text: await Deno.readTextFile(join(repository, SCHEMAS_FOLDER, path)) });
  }
  return files;
}

/** The paths below `supabase/schemas` that `schema_paths` lists. */
export async function readSchemaPaths(repository: string): Promise<string[]> {
  const config = parse(await Deno.readTextFile(join(repository, "supabase/config.toml")));
  const migrations = (config.db as { migrations?: { schema_paths?: unknown } } | undefined)
    ?.migrations;
  const listed = migrations?.schema_paths;
  if (!Array.isArray(listed) || listed.length === 0) {
    throw new Error("supabase/config.toml lists no schema_paths in [db.migrations]");
  }
  return listed.map((path) => {
    const match = String(path).match(/^\.\/schemas\/(.+\.sql)$/);
    if (match === null) throw new Error(`schema_paths: ${path} is not ./schemas/….sql`);
    return match[1]!;
  });
}

/** The paths of all SQL files in `supabase/schemas`, sorted. */
export async function findSchemaPaths(repository: string): Promise<string[]> {
  const paths: string[] = [];
  const collect = async (folder: string) => {
    for await (const entry of Deno.readDir(join(repository, SCHEMAS_FOLDER, folder))) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory) await collect(path);
      else if (path.endsWith(".sql")) paths.push(path);
    }
  };
  await collect("");
  return paths.sort();
}
