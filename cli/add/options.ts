import { parseArgs } from "node:util";
import { AddError } from "./errors.ts";

/** What `deno task add --help` prints. */
export const USAGE = `Adds Holdfast to a Supabase project folder, or upgrades it there.

  deno task add [options] PATH        PATH holds supabase/config.toml
  deno task add --sql [FILE]          one file for the SQL editor instead; - or nothing is stdout

Options
  --dry-run   show what would change and write nothing
  --yes, -y   write without asking; needed where there is no terminal to ask on
  --force     also overwrite files of Holdfast that were edited there
  --help, -h  show this

Exit status: 0 done, 1 refused (nothing was written unless it says so), 2 wrong command line.
`;

/** The parsed command line. */
export type Command =
  | { kind: "help" }
  | { kind: "sql"; file: string | undefined; force: boolean }
  | { kind: "install"; path: string; dry_run: boolean; yes: boolean; force: boolean };

/**
 * Reads the command line.
 *
 * @throws AddError `usage`, exit status 2
 */
export function parseOptions(args: string[]): Command {
  const { values, positionals } = parse(args);
  if (values.help) return { kind: "help" };
  if (positionals.length > 1) {
    throw usage(
      `one path is wanted, and these are ${positionals.length}: ${positionals.join(" ")}`,
    );
  }
  const path = positionals[0];
  const { force = false, yes = false, sql = false } = values;
  const dry_run = values["dry-run"] ?? false;
  if (sql) {
    if (dry_run || yes) throw usage("--sql writes one file; --dry-run and --yes do not go with it");
    return { kind: "sql", file: path === "-" ? undefined : path, force };
  }
  if (path === undefined || path === "") throw usage("the path of a Supabase project is missing");
  return { kind: "install", path, dry_run, yes, force };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      // parseArgs has no option with an optional value, so the file is read as the positional.
      args: args.flatMap((arg) =>
        arg.startsWith("--sql=") ? ["--sql", arg.slice("--sql=".length)] : [arg]
      ),
      allowPositionals: true,
      options: {
        "dry-run": { type: "boolean" },
        force: { type: "boolean" },
        help: { type: "boolean", short: "h" },
        sql: { type: "boolean" },
        yes: { type: "boolean", short: "y" },
      },
    });
  } catch (error) {
    // parseArgs adds advice on positional arguments. The first sentence is enough.
    throw usage((error as Error).message.split(". ")[0] ?? "");
  }
}

function usage(fault: string): AddError {
  return new AddError("usage", `${fault}\nSee: deno task add --help`, 2);
}
