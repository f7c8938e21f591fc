import { parseArgs } from "node:util";
import { GROUPS } from "./groups.ts";

/** The options of a command line. */
export interface RunOptions {
  readonly words: readonly string[];
  readonly nightly: boolean;
  readonly help: boolean;
  /** Further arguments for `deno test`. */
  readonly passedOn: readonly string[];
}

/**
 * Parses a command line: words, options, and after `--` the arguments for `deno test`.
 *
 * @throws {RangeError} for an unknown option
 */
export function readOptions(args: readonly string[]): RunOptions {
  const separator = args.indexOf("--");
  const own = separator < 0 ? args : args.slice(0, separator);
  const passedOn = separator < 0 ? [] : args.slice(separator + 1);
  try {
    const { values, positionals } = parseArgs({
      args: [...own],
      allowPositionals: true,
      options: { nightly: { type: "boolean" }, help: { type: "boolean", short: "h" } },
    });
    const { nightly = false, help = false } = values;
    return { words: positionals, nightly, help, passedOn };
  } catch (error) {
    throw new RangeError(`${(error as Error).message}\n\n${usage()}`);
  }
}

/** The help text, with the options and groups. */
export function usage(): string {
  const width = Math.max(...GROUPS.map(({ name }) => name.length));
  const groups = GROUPS.map(({ name, about, needs, nightly }) => {
    const notes = [needs && `needs ${needs}`, nightly && "nightly"].filter(Boolean).join(", ");
    return `  ${name.padEnd(width)}  ${about}${notes && ` (${notes})`}`;
  });
  return `deno task test [options] [group ...] [-- arguments for deno test]

Runs all tests, or the groups whose names begin with the given words. Ends
"N passed, N failed", after the time and the CPU of each group.

  --nightly   also the groups marked nightly, and more cases in the others
  -h, --help  this text

  HOLDFAST_TEST_REQUIRE=pg_cron,radosgw,awscli fails where one of these is missing.
  One file: deno task test logic -- --filter "part of a test's name"

Groups:
${groups.join("\n")}
`;
}
