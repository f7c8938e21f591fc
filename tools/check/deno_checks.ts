import { join } from "node:path";
import type { Check } from "./check.ts";

/** Formatting, lint and types, checked by Deno. */
export const denoChecks: Check[] = [
  { name: "formatting (deno fmt)", run: ({ path }) => deno(path, ["fmt", "--check"]) },
  { name: "lint (deno lint)", run: ({ path }) => deno(path, ["lint"]) },
  { name: "types of everything", run: ({ path }) => deno(path, ["check", "."]) },
  {
    name: "types of each function with its own deno.json, as it is deployed",
    run: async ({ path }) => {
      const faults: string[] = [];
      for (const name of await functionNames(path)) {
        const folder = join(path, "supabase/functions", name);
        const config = ["--config", join(folder, "deno.json"), "--no-lock"];
        faults.push(...await deno(path, ["check", ...config, join(folder, "index.ts")]));
      }
      return faults;
    },
  },
];

/** Names of the repository's Edge Functions, sorted. */
export async function functionNames(repository: string): Promise<string[]> {
  const folder = join(repository, "supabase/functions");
  const entries = await Array.fromAsync(Deno.readDir(folder));
  return entries.filter((entry) => entry.isDirectory && !entry.name.startsWith("_"))
    .map((entry) => entry.name).sort();
}

async function deno(cwd: string, args: string[]): Promise<string[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1", RUST_BACKTRACE: "0" },
    stdin: "null",
  }).output();
  if (success) return [];
  const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  return [said.split("\n").filter((line) => !/^(Check|Checked) /.test(line)).join("\n").trim()];
}
