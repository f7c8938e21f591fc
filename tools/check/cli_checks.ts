import { join } from "node:path";
import { editConfig } from "../../cli/add/config.ts";
import { sameBytes } from "../../cli/add/files.ts";
import { NEXT_STEPS } from "../../cli/add/next_steps.ts";
import type { Check, Repository } from "./check.ts";
import { callOf, type SupabaseCommand, supabaseCommands } from "./commands.ts";
import { functionNames } from "./deno_checks.ts";
import { codeBlocks } from "./markdown.ts";
import { readSourceFiles } from "./source_files.ts";
import { runSupabase } from "./supabase_cli.ts";

/** Checks with the pinned Supabase CLI. They need neither network nor Docker. */
export const cliChecks: Check[] = [
  {
    name: "supabase/config.toml: as the pinned Supabase CLI reads it, and as add would leave it",
    async run({ path, scratch }) {
      const config = await Deno.readFile(join(path, "supabase/config.toml")).catch(() => undefined);
      if (config === undefined) return ["supabase/config.toml is not there"];
      if (!sameBytes(editConfig(config, await functionNames(path)), config)) {
        return ["supabase/config.toml: a function lacks its section with verify_jwt = false"];
      }
      // In 2.117.0 this is the only command that validates all of config.toml without network or
      // Docker. The key that it prints is ignored.
      const args = ["--workdir", path, "gen", "signing-key"];
      const { code, stdout, stderr } = await runSupabase(args, scratch);
      return code === 0 ? [] : [(stderr || stdout).trim()];
    },
  },
  {
    name: "commands and flags of the Supabase CLI in *.md, in the pinned CLI's help",
    async run(repository) {
      const commands: SupabaseCommand[] = nextCommands();
      for (const { path, text } of await readSourceFiles(repository.path)) {
        if (path.endsWith(".md")) commands.push(...supabaseCommands(path, text));
      }
      return await findUnknown(commands, helpOf(repository));
    },
  },
  {
    name: "the commands that `deno task add` ends with, in README.md",
    async run({ path }) {
      const readme = await Deno.readTextFile(join(path, "README.md")).catch(() => undefined);
      return readme === undefined ? ["README.md is not there"] : findMissing(readme);
    },
  },
];

/** Returns the help of a command by its words; undefined if the command does not exist. */
export type Help = (words: string[]) => Promise<string | undefined>;

/** Finds commands and flags that the CLI's help does not list. */
export async function findUnknown(commands: SupabaseCommand[], help: Help): Promise<string[]> {
  const faults: string[] = [];
  for (const { args, location } of commands) {
    const words: string[] = [];
    let text = await help(words) ?? "";
    for (const word of args) {
      const subcommands = text.split("\nSUBCOMMANDS\n")[1];
      if (subcommands === undefined) break;
      if (word.startsWith("-")) continue;
      words.push(word);
      const deeper = isListed(word, subcommands) ? await help(words) : undefined;
      if (deeper === undefined) {
        faults.push(`${location}: there is no command supabase ${words.join(" ")}`);
        break;
      }
      text = deeper;
    }
    for (const flag of args.filter((arg) => arg.startsWith("-")).map((arg) => arg.split("=")[0]!)) {
      if (!new RegExp(`^ +(--\\S+, )?${flag}[ ,]`, "m").test(`${text}\n`)) {
        faults.push(`${location}: supabase ${words.join(" ")} has no flag ${flag}`);
      }
    }
  }
  return faults;
}

/** Finds files and commands of the next steps that are missing or out of order in the README. */
export function findMissing(readme: string): string[] {
  const code = codeBlocks(readme).map((block) => block.text).join("\n");
  const faults: string[] = [];
  let from = 0;
  const parts = NEXT_STEPS.flatMap((
    { file, commands },
  ) => [...(file ? [file.text] : []), ...commands]);
  for (const part of parts) {
    const at = code.indexOf(part, from);
    if (at === -1) faults.push(`README.md: ${part}: not there, or not in this order`);
    else from = at;
  }
  return faults;
}

function nextCommands(): SupabaseCommand[] {
  return NEXT_STEPS.flatMap((step) => step.commands).flatMap((command) => {
    const args = callOf(command);
    return args === undefined ? [] : [{ args, location: "cli/add/next_steps.ts" }];
  });
}

function isListed(word: string, subcommands: string): boolean {
  return subcommands.split("\n").some((line) => new RegExp(`^ {2}(\\S+, )?${word}[, ]`).test(line));
}

/** Reads the pinned CLI's help, once for each command. */
export function helpOf({ scratch }: Pick<Repository, "scratch">): Help {
  const known = new Map<string, Promise<string | undefined>>();
  return (words) => {
    const key = words.join(" ");
    const help = known.get(key) ?? runSupabase([...words, "--help"], scratch)
      .then(({ code, stdout }) => code === 0 ? stdout : undefined);
    known.set(key, help);
    return help;
  };
}
