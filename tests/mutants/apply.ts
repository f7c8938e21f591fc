import { join } from "node:path";
import type { Edit } from "./mutant.ts";

/** An edit whose text is no longer in the tree. */
export class MutantError extends Error {
  override name = "MutantError";
}

/**
 * The path of an edit's file. A `*` stands for the time that a migration's name begins with.
 * @throws {MutantError} where there is no such file, or more than one
 */
export async function findFile(root: string, file: string): Promise<string> {
  if (!file.includes("*")) return join(root, file);
  const folder = file.slice(0, file.lastIndexOf("/"));
  const end = file.slice(file.indexOf("*") + 1);
  const found: string[] = [];
  for await (const { name } of Deno.readDir(join(root, folder))) {
    if (name.endsWith(end)) found.push(join(root, folder, name));
  }
  if (found.length !== 1) throw new MutantError(`${found.length} files are ${file}`);
  return found[0]!;
}

/**
 * Applies an edit to a text.
 * @throws {MutantError} where the text to find is not there exactly once
 */
export function edited(text: string, { file, find, replace }: Edit): string {
  const occurrences = text.split(find).length - 1;
  if (occurrences !== 1) throw new MutantError(`${file} has ${occurrences} times: ${find}`);
  return text.replace(find, () => replace);
}

/** Applies edits to a tree. */
export async function applyEdits(root: string, edits: readonly Edit[]): Promise<void> {
  for (const edit of edits) {
    const path = await findFile(root, edit.file);
    await Deno.writeTextFile(path, edited(await Deno.readTextFile(path), edit));
  }
}
