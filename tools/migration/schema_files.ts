import { join } from "node:path";
import { parse } from "smol-toml";
import { z } from "zod";

/** A file of the declared schema. */
export interface SchemaFile {
  /** Below supabase/schemas, with `/`. */
  path: string;
  text: string;
}

const configSchema = z.object({
  db: z.object({ migrations: z.object({ schema_paths: z.array(z.string()) }) }),
});

/**
 * The files of supabase/schemas, in the order of `schema_paths` in supabase/config.toml.
 *
 * @throws Error where config.toml lists a file that is not there, or leaves one out
 */
export async function readSchemaFiles(repository: string): Promise<SchemaFile[]> {
  const supabase = join(repository, "supabase");
  const config = parse(await Deno.readTextFile(join(supabase, "config.toml")));
  const paths = configSchema.parse(config).db.migrations.schema_paths
    .map((path) => path.replace(/^\.\/schemas\//, ""));
  const present = await Array.fromAsync(sqlFiles(join(supabase, "schemas")));
  const missing = present.filter((path) => !paths.includes(path));
  if (missing.length > 0) {
    throw new Error(`schema_paths in supabase/config.toml leaves out ${missing.join(", ")}`);
  }
  return await Promise.all(paths.map(async (path) => ({
    path,
    text: await Deno.readTextFile(join(supabase, "schemas", path)),
  })));
}

async function* sqlFiles(folder: string, below = ""): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(folder, below))) {
    if (isDirectory) yield* sqlFiles(folder, `${below}${name}/`);
    else if (name.endsWith(".sql")) yield `${below}${name}`;
  }
}
