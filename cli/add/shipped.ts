import { join } from "node:path";
import { AddError } from "./errors.ts";
import { hashText } from "./files.ts";

/** A file that goes into a project's supabase folder. */
export interface ShippedFile {
  /** Path below the supabase folder, with `/`: `functions/_holdfast/config/settings.ts`. */
  path: string;
  bytes: Uint8Array<ArrayBuffer>;
  sha256: string;
}

/** A migration, without the time that is allocated for it in the project's folder. */
export interface ShippedMigration {
  /** `holdfast_schema`, the same in every version of Holdfast. */
  name: string;
  bytes: Uint8Array<ArrayBuffer>;
  sha256: string;
}

/** The files of a Holdfast checkout that are installed into projects. */
export interface Shipped {
  version: string;
  /** Names of the Edge Functions, sorted. */
  functions: string[];
  files: ShippedFile[];
  /** The migrations in the order in which they are applied. */
  migrations: ShippedMigration[];
}

/** Name of a migration's file as the Supabase CLI recognises it: digits, `_`, a name. */
export const MIGRATION_FILE = /^([0-9]+)_(.*)\.sql$/;

const SHARED_FOLDER = "_holdfast";
const FUNCTION_FOLDER = /^holdfast-[a-z0-9-]+$/;
const VERSION_CONSTANT = /export const VERSION = "([^"]+)"/;

/** Files that are not copied: tests, and files that only a developer of Holdfast needs. */
const NOT_SHIPPED = /^(\..*|node_modules|tests?|testdata|deno\.lock|.*[._](test|bench)\.[a-z]+)$/;

/**
 * Reads the files that a checkout ships.
 *
 * @throws AddError `checkout_incomplete`
 */
export async function readShipped(checkout: string): Promise<Shipped> {
  const supabase = join(checkout, "supabase");
  try {
    const folders = (await list(join(supabase, "functions")))
      .filter((entry) => entry.isDirectory).map((entry) => entry.name);
    const functions = folders.filter((name) => FUNCTION_FOLDER.test(name)).sort();
    const files: ShippedFile[] = [];
    for (const folder of [SHARED_FOLDER, ...functions]) {
      await collect(supabase, `functions/${folder}`, files);
    }
    const constants = await Deno.readTextFile(
      join(supabase, "functions/_holdfast/config/version.ts"),
    );
    const version = constants.match(VERSION_CONSTANT)?.[1];
    const migrations = await readShippedMigrations(join(supabase, "migrations"));
    if (version === undefined || functions.length === 0 || migrations.length === 0) {
      throw new Error("its version, functions or migrations are missing");
    }
    return { version, functions, files, migrations };
  } catch (error) {
    const reason = (error as Error).message;
    throw new AddError(
      "checkout_incomplete",
      `${checkout} is no complete checkout of Holdfast: ${reason}.\nClone it again.`,
    );
  }
}

async function readShippedMigrations(folder: string): Promise<ShippedMigration[]> {
  const names = (await list(folder)).map((entry) => entry.name).sort();
  const migrations: ShippedMigration[] = [];
  for (const file of names) {
    const name = file.match(MIGRATION_FILE)?.[2];
    if (name === undefined) continue;
    const bytes = await Deno.readFile(join(folder, file));
    migrations.push({ name, bytes, sha256: hashText(bytes) });
  }
  return migrations;
}

async function collect(top: string, folder: string, into: ShippedFile[]): Promise<void> {
  const entries = await list(join(top, folder));
  for (const entry of entries.sort((one, other) => one.name < other.name ? -1 : 1)) {
    if (NOT_SHIPPED.test(entry.name)) continue;
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) {
      await collect(top, path, into);
    } else {
      const bytes = await Deno.readFile(join(top, path));
      into.push({ path, bytes, sha256: hashText(bytes) });
    }
  }
}

function list(folder: string): Promise<Deno.DirEntry[]> {
  return Array.fromAsync(Deno.readDir(folder));
}
