import { extname, join } from "node:path";
import { type LocalFile, walkFolder } from "./local_files.ts";

/** Number of files that the demo takes from this checkout and its packages. */
const WANTED_FILES = 600;
/** Larger files are skipped, because each takes as long as many small ones. */
const LARGEST_BYTES = 1_000_000;

/** File extensions, and the largest number of files for each group. */
const SHARES: readonly (readonly [endings: readonly string[], files: number])[] = [
  [[".png", ".svg", ".gif", ".jpg", ".ico", ".webp", ".html", ".css", ".wasm"], 150],
  [[".json"], 120],
  [[".md", ".txt"], 120],
  [[".js", ".mjs", ".cjs"], 150],
  [[".ts", ".sql", ".map"], 600],
];

/** Where Deno keeps packages: `.deno/<package>@<version>/node_modules/<package>/…`. */
const PACKAGE_STORE = /^node_modules\/\.deno\/[^/]+\/node_modules\//;

/**
 * Chooses real files of this checkout and its packages, of many types and folder depths. The choice
 * is the same in every run.
 */
export async function readOwnFiles(checkout: string): Promise<LocalFile[]> {
  const { files } = await walkFolder(checkout, (name) => {
    const hidden = name.split("/").some((segment) => segment.startsWith("."));
    return !hidden || name.startsWith("node_modules/.deno");
  });
  const candidates = distinct(files.map(renamed))
    .filter((file) => file.size > 0 && file.size <= LARGEST_BYTES);
  const chosen: LocalFile[] = [];
  for (const [endings, share] of SHARES) {
    const fitting = candidates.filter((file) => endings.includes(extname(file.name)));
    chosen.push(...spread(fitting, Math.min(share, WANTED_FILES - chosen.length)));
  }
  return chosen.sort((one, other) => one.name < other.name ? -1 : 1);
}

/** A package's file with its name relative to Deno's package store. */
function renamed(file: LocalFile): LocalFile {
  return { ...file, name: file.name.replace(PACKAGE_STORE, "packages/") };
}

function distinct(files: readonly LocalFile[]): LocalFile[] {
  return [...new Map(files.map((file) => [file.name, file])).values()];
}

/** Takes `count` items, evenly distributed over the list. */
function spread<Item>(items: readonly Item[], count: number): Item[] {
  if (items.length <= count) return [...items];
  return Array.from(
    { length: count },
    (_, index) => items[Math.floor(index * items.length / count)],
  )
    .filter((item) => item !== undefined);
}

/** The folder of this checkout. */
export const CHECKOUT = join(import.meta.dirname ?? ".", "..");
