import { parseArgs } from "node:util";
import { DemoError } from "./errors.ts";

/** What `deno task demo --help` prints. */
export const USAGE = `Shows Holdfast at work, and proves it, on this machine alone.

  deno task demo [--files DIR]

Starts two empty Supabase projects (a real PostgreSQL, stand-ins for Storage and
S3, the Edge Functions as they ship), uploads files to one, backs it up, changes
a little, backs it up again, restores the second snapshot into the other project,
and compares every object and row of the two and of the repository. All of it
happens on this machine, and nothing of it stays behind.

Options
  --files DIR  upload the files below DIR; without it, files of this checkout
               and of its packages
  --help, -h   show this

Exit status: 0 all is equal, 1 something differs or went wrong, 2 wrong command
line or no file that can be used, 130 ended by Ctrl-C.
`;

/** The parsed command line. `files` is the path of a folder as the user typed it. */
export type Command = { kind: "help" } | { kind: "run"; files: string | undefined };

/**
 * Reads the command line.
 *
 * @throws DemoError `usage`, exit status 2
 */
export function parseOptions(args: string[]): Command {
  const { values } = parse(args);
  if (values.help) return { kind: "help" };
  if (values.files?.trim() === "") throw usage("--files needs the path of a folder");
  return { kind: "run", files: values.files };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: { files: { type: "string" }, help: { type: "boolean", short: "h" } },
    });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // parseArgs adds advice on positional arguments. The first sentence is enough.
    throw usage(error.message.split(". ")[0] ?? "");
  }
}

function usage(fault: string): DemoError {
  return new DemoError("usage", `${fault}\nSee: deno task demo --help`, 2);
}
