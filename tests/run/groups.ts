import type { FunctionsMode } from "../../stack/edge/functions.ts";
import type { LIMITS } from "../../stack/edge/isolate_limits.ts";
import type { DenoVersion } from "../../stack/process/deno_versions.ts";
import { CURRENT_DENO, EDGE_RUNTIME_DENO } from "../../stack/process/deno_versions.ts";
import type { Part } from "./parts.ts";

/** Tests that run in one `deno test`. */
export interface Group {
  /** Its name on the command line. */
  name: string;
  /** Its description in the help. */
  about: string;
  /** Its test files and folders below tests/. */
  paths: readonly string[];
  /** Excluded test files and folders below tests/. */
  without?: readonly string[];
  /** The Deno version that runs the tests themselves. */
  deno: DenoVersion | "current";
  /** Whether its files run in parallel. Absent if the group needs all cores or a quiet machine. */
  parallel?: true;
  /**
   * The stack for its tests, with the npm package's PostgreSQL, or with one that has pg_cron if the
   * machine has it.
   */
  stack?: "packaged" | "pg_cron";
  /** The external part that it requires. */
  needs?: Part;
  environment?: Record<string, string>;
  /** Whether it runs only with `--nightly` or by its full name. */
  nightly?: true;
}

/** The variables that define where the functions under test run. */
export const FUNCTIONS_VARIABLES = {
  deno: "HOLDFAST_TEST_FUNCTIONS_DENO",
  mode: "HOLDFAST_TEST_FUNCTIONS_MODE",
  limits: "HOLDFAST_TEST_FUNCTIONS_LIMITS",
} as const;

/** Set by `--nightly`. Tests then run more cases. */
export const NIGHTLY_VARIABLE = "HOLDFAST_TEST_NIGHTLY";

/** Where functions run, and their limits. */
interface Platform {
  readonly deno: DenoVersion;
  readonly mode: FunctionsMode;
  readonly limits: keyof typeof LIMITS;
}

/** Tests of commands, of the demo and of the documents. They start their own processes. */
const COMMANDS = [
  "platform/add",
  "platform/check",
  "platform/demo.test.ts",
  "platform/demo_compare.test.ts",
  "platform/docs",
];

/** Tests of CPU and time limits, whose figures grow when the machine is busy. */
const LIMITED = ["platform/limits.test.ts"];

/** Complete backups and restores, with small and large objects. */
const ROUND_TRIPS = ["platform/first_backup.test.ts", "platform/round_trip.test.ts"];

/** The current Deno, with the limits of the hosted platform. */
const HOSTED: Platform = { deno: CURRENT_DENO, mode: "shared", limits: "hosted" };
/** The Deno of Edge Runtime, with the limits of a self-hosted one. */
const SELF_HOSTED: Platform = { deno: EDGE_RUNTIME_DENO, mode: "shared", limits: "selfHosted" };

/** All tests, in the order in which they run: the quick ones first. */
export const GROUPS: readonly Group[] = [
  { name: "unit", about: "pure logic", paths: ["unit"], deno: "current", parallel: true },
  {
    name: "unit-2.1.4",
    about: "unit tests of the shipped code, on the Deno of Edge Runtime",
    paths: ["unit/supabase"],
    deno: EDGE_RUNTIME_DENO,
    parallel: true,
  },
  {
    name: "conformance",
    about: "the emulators behave like the real services",
    paths: ["conformance"],
    without: ["conformance/edge"],
    deno: "current",
    stack: "packaged",
    parallel: true,
  },
  {
    name: "conformance-edge",
    about: "the emulator of Edge Runtime behaves as the real one; needs a quiet machine",
    paths: ["conformance/edge"],
    deno: "current",
    stack: "packaged",
  },
  {
    name: "conformance-pg_cron",
    about: "the real pg_cron",
    paths: ["conformance/postgres"],
    deno: "current",
    stack: "pg_cron",
    needs: "pg_cron",
    parallel: true,
  },
  {
    name: "conformance-radosgw",
    about: "a real S3 server",
    paths: ["conformance/s3"],
    deno: "current",
    needs: "radosgw",
    parallel: true,
  },
  {
    name: "logic",
    about: "the functions, in the process of the stack",
    paths: ["logic"],
    deno: "current",
    stack: "packaged",
    parallel: true,
  },
  platform("platform", SELF_HOSTED, {
    about: "functions as processes, with the Deno and the limits of Edge Runtime",
    stack: "pg_cron",
    without: [...COMMANDS, ...LIMITED, "platform/recovery"],
    parallel: true,
  }),
  platform("platform-limits", SELF_HOSTED, {
    about: "CPU, memory and time limits of isolates",
    stack: "pg_cron",
    paths: LIMITED,
  }),
  platform("commands", HOSTED, {
    about: "commands, the demo, and the commands in the documents",
    stack: "packaged",
    paths: COMMANDS,
    parallel: true,
  }),
  platform("platform-radosgw", HOSTED, {
    about: "round trips against a real S3 server",
    stack: "packaged",
    paths: ROUND_TRIPS,
    needs: "radosgw",
    parallel: true,
  }),
  platform("recovery", HOSTED, {
    about: "the recovery script, with the AWS CLI",
    stack: "packaged",
    paths: ["platform/recovery"],
    needs: "awscli",
    parallel: true,
  }),
  {
    name: "simulation",
    about: "every invariant holds under random crashes and lost responses",
    paths: ["simulation"],
    deno: "current",
  },
  ...[
    { deno: EDGE_RUNTIME_DENO, mode: "per_post", limits: "hosted" } as const,
    { deno: EDGE_RUNTIME_DENO, mode: "per_post", limits: "selfHosted" } as const,
  ].map((each) =>
    platform(`processes-${each.limits}-${each.mode}`, each, {
      about: "all tests of functions, as processes on the Deno of Edge Runtime",
      stack: "packaged",
      paths: ["logic", "platform"],
      without: [...COMMANDS, "logic/sql", "platform/recovery"],
      parallel: true,
      nightly: true,
    })
  ),
];

function platform(
  name: string,
  { deno, mode, limits }: Platform,
  rest: Partial<Group> & Pick<Group, "about">,
): Group {
  return {
    name,
    paths: ["platform"],
    deno: "current",
    environment: {
      [FUNCTIONS_VARIABLES.deno]: deno,
      [FUNCTIONS_VARIABLES.mode]: mode,
      [FUNCTIONS_VARIABLES.limits]: limits,
    },
    ...rest,
  };
}

/**
 * Selects the groups by the words of a command line. A word selects every group whose name begins
 * with it; without a word, every group is selected. Nightly groups need their full name or the
 * option `nightly`.
 *
 * @throws {RangeError} for a word that selects no group
 */
export function selectGroups(
  words: readonly string[],
  { nightly = false, groups = GROUPS }: { nightly?: boolean; groups?: readonly Group[] } = {},
): Group[] {
  for (const word of words) {
    if (!groups.some((group) => selects(word, group))) {
      const names = groups.map((group) => group.name).join(", ");
      throw new RangeError(`there is no group of tests ${word}; there are ${names}`);
    }
  }
  if (words.length === 0) return groups.filter((group) => nightly || !group.nightly);
  return groups.filter((group) => words.some((word) => selects(word, group)));
}

function selects(word: string, { name, nightly }: Group): boolean {
  return nightly ? name === word : name.startsWith(word);
}
