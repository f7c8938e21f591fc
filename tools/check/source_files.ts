import { join } from "node:path";

/** A text file of this repository. */
export interface SourceFile {
  /** From the repository's folder, with `/`. */
  path: string;
  text: string;
}

/** Made by tools, or somebody else's words. */
const SKIPPED = new Set(["node_modules", "coverage", "deno.lock", "LICENSE"]);

/** Hidden folders that are part of the repository; all others are a tool's. */
const HIDDEN = new Set([".ci", ".github"]);

const TEXT = /\.(ts|js|sql|md|json|sh|toml|ya?ml|txt|patch)$/;

/** All text files of the repository, sorted by path; a script without an ending counts in `.ci`. */
export async function readSourceFiles(repository: string): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  await collect(repository, "", files);
  return files.sort((one, other) => one.path < other.path ? -1 : 1);
}

async function collect(repository: string, folder: string, into: SourceFile[]): Promise<void> {
  for await (const entry of Deno.readDir(join(repository, folder))) {
    if (SKIPPED.has(entry.name) || (entry.name.startsWith(".") && !HIDDEN.has(entry.name))) {
      continue;
    }
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory) {
      await collect(repository, path, into);
    } else if (TEXT.test(entry.name) || folder.startsWith(".ci")) {
      into.push({ path, text: await Deno.readTextFile(join(repository, path)) });
    }
  }
}
