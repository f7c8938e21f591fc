import { basename, join } from "node:path";
import { AddError, pathOccupied, unreadable } from "./errors.ts";
import { hashText, readIfPresent } from "./files.ts";
import type { PresentMigration } from "./migrations.ts";
import { MIGRATION_FILE } from "./shipped.ts";

/** A Supabase project's folder on this machine. */
export interface ProjectFolder {
  /** The folder named `supabase`, absolute. */
  supabase: string;
  /** The folder that contains `supabase`, in which the user runs the Supabase CLI. */
  root: string;
}

/**
 * Finds the project of a path. The path is the folder that contains `supabase/config.toml`, or the
 * `supabase` folder itself.
 *
 * @throws AddError `path_missing`, `path_is_a_file`, `not_a_project`, `own_checkout`, `unreadable`
 */
export async function findProject(path: string, checkout: string): Promise<ProjectFolder> {
  const folder = await existingFolder(path);
  const own = await Deno.realPath(checkout);
  if (folder === own || folder === join(own, "supabase")) {
    throw new AddError(
      "own_checkout",
      `${path} is this checkout of Holdfast.\nGive the folder of your own Supabase project.`,
    );
  }
  if (await hasFile(join(folder, "supabase", "config.toml"))) {
    return { root: folder, supabase: join(folder, "supabase") };
  }
  if (basename(folder) === "supabase" && await hasFile(join(folder, "config.toml"))) {
    return { root: join(folder, ".."), supabase: folder };
  }
  throw new AddError(
    "not_a_project",
    `${path} is no Supabase project: it has no supabase/config.toml.\n` +
      "Give the folder that has one, or make one there first: npx supabase init",
  );
}

/**
 * Lists the migrations in a project's folder as the Supabase CLI does: it skips files whose names
 * do not have the form of a migration.
 *
 * @throws AddError `path_occupied`, `unreadable`
 */
export async function readPresentMigrations(supabase: string): Promise<PresentMigration[]> {
  const folder = join(supabase, "migrations");
  const migrations: PresentMigration[] = [];
  for (const file of await listFiles(folder)) {
    const match = file.match(MIGRATION_FILE);
    if (match === null) continue;
    const [, version = "", name = ""] = match;
    const bytes = await readIfPresent(join(folder, file));
    if (bytes === undefined) continue;
    migrations.push({ version, name, file, sha256: hashText(bytes) });
  }
  return migrations;
}

async function listFiles(folder: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    return entries.filter((entry) => !entry.isDirectory).map((entry) => entry.name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    if (error instanceof Deno.errors.NotADirectory) {
      throw pathOccupied(folder, "is a file, and a folder belongs there");
    }
    throw unreadable(folder, error);
  }
}

async function existingFolder(path: string): Promise<string> {
  let isDirectory: boolean;
  try {
    isDirectory = (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      throw new AddError(
        "path_missing",
        `${path} does not exist.\nGive the folder of your Supabase project.`,
      );
    }
    throw unreadable(path, error);
  }
  if (!isDirectory) {
    throw new AddError(
      "path_is_a_file",
      `${path} is a file.\nGive the folder of your Supabase project.`,
    );
  }
  return await Deno.realPath(path);
}

/** Whether the path exists. It is also true for a folder, which is refused when it is read. */
async function hasFile(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw unreadable(path, error);
  }
}
