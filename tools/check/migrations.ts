import { join } from "node:path";
import type { Check } from "./check.ts";
import { tokenizeSql } from "./sql_text.ts";

const FILE = /^(\d{14})_(holdfast_[a-z0-9_]+)\.sql$/;

/** Statements that would end the transaction around a migration, or that cannot run inside it. */
const TRANSACTION = new Set(["begin", "commit", "rollback", "start", "abort", "vacuum"]);

/** Checks the texts of the migrations. */
export const migrationTextCheck: Check = {
  name: "migrations: names, order, lower case, no statement that ends the transaction",
  async run({ path }) {
    const folder = join(path, "supabase/migrations");
    const names = (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name).sort();
    const faults = checkNames(names);
    for (const name of names) {
      const text = await Deno.readTextFile(join(folder, name));
      faults.push(...checkText(`supabase/migrations/${name}`, text));
    }
    return faults;
  },
};

/** Checks that names are unique: `add` finds a migration in a project's folder by its name. */
export function checkNames(files: string[]): string[] {
  const faults: string[] = [];
  const seen = new Map<string, string>();
  for (const file of files) {
    const [, time, name] = file.match(FILE) ?? [];
    if (time === undefined || name === undefined) {
      faults.push(`supabase/migrations/${file}: the name must be 14 digits and _holdfast_….sql`);
      continue;
    }
    for (const key of [time, name]) {
      const other = seen.get(key);
      if (other !== undefined) {
        faults.push(`supabase/migrations/${file}: ${key} is in ${other} too`);
      }
      seen.set(key, file);
    }
  }
  return faults;
}

/** Finds faults in the text of one migration. */
export function checkText(file: string, text: string): string[] {
  const faults: string[] = [];
  const tokens = tokenizeSql(text);
  let begins = true;
  for (const { text: word, line, depth } of tokens) {
    if (/[A-Z]/.test(word)) faults.push(`${file}:${line}: ${word} is not lower case`);
    if (depth === 0) {
      if (begins && TRANSACTION.has(word)) {
        faults.push(`${file}:${line}: ${word} does not go with one transaction for all migrations`);
      }
      if (word === "concurrently") {
        faults.push(`${file}:${line}: concurrently does not go with a transaction`);
      }
      begins = word === ";";
    }
  }
  if (tokens.at(-1)?.text !== ";") faults.push(`${file}: its last statement does not end with ;`);
  return faults;
}
