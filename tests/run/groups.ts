import type { DenoVersion } from "../stack/process/deno_versions.ts";
import { CURRENT_DENO, EDGE_RUNTIME_DENO } from "../stack/process/deno_versions.ts";
import type { Part } from "./parts.ts";

/** Tests that run in one process, on one Deno. */
export interface Group {
  /** What the command line calls it. */
  name: string;
  /** Its test files, and folders of them, below tests/. */
  paths: readonly string[];
  /** Folders below tests/ that it leaves out. */
  without?: readonly string[];
  /** The Deno that runs the tests themselves. */
  deno: DenoVersion | "current";
  /**
   * The running stack that they talk to: on the npm package's PostgreSQL, or on one with pg_cron
   * where the machine has it.
   */
  stack?: "packaged" | "pg_cron";
  /** The part without which it is not run. */
  needs?: Part;
  environment?: Record<string, string>;
}

/** The environment variable that names the Deno on which end-to-end tests have functions run. */
export const FUNCTIONS_DENO_VARIABLE = "HOLDFAST_TEST_FUNCTIONS_DENO";

/** End-to-end tests that call no function, and so are run once. */
const WITHOUT_FUNCTIONS = ["e2e/add", "e2e/sql"];

/** A backup and a restore as a whole, small objects and large ones. */
const ROUND_TRIPS = ["e2e/first_backup.test.ts", "e2e/round_trip.test.ts", "e2e/docs"];

/** All tests, in the order in which they run: the quick ones first. */
export const GROUPS: readonly Group[] = [
  { name: "unit", paths: ["unit"], deno: "current" },
  // What ships must also run on the Deno that Edge Runtime is compatible with.
  { name: "unit-2.1.4", paths: ["unit/supabase"], deno: EDGE_RUNTIME_DENO },
  ...["postgres", "storage", "s3", "edge", "stack"].map((part): Group => ({
    name: `conformance/${part}`,
    paths: [`conformance/${part}`],
    deno: "current",
    stack: "packaged",
  })),
  {
    name: "conformance/postgres-pg_cron",
    paths: ["conformance/postgres"],
    deno: "current",
    stack: "pg_cron",
    needs: "pg_cron",
  },
  { name: "conformance/s3-radosgw", paths: ["conformance/s3"], deno: "current", needs: "radosgw" },
  endToEnd(CURRENT_DENO, { stack: "packaged" }),
  // The other Deno and the other PostgreSQL at once: each is seen with all tests, in two runs.
  endToEnd(EDGE_RUNTIME_DENO, { stack: "pg_cron", without: WITHOUT_FUNCTIONS }),
  {
    ...endToEnd(CURRENT_DENO, { stack: "packaged" }),
    name: "e2e-radosgw",
    paths: ROUND_TRIPS,
    needs: "radosgw",
  },
];

function endToEnd(version: DenoVersion, options: Pick<Group, "stack" | "without">): Group {
  return {
    name: `e2e-${version}`,
    paths: ["e2e"],
    deno: "current",
    environment: { [FUNCTIONS_DENO_VARIABLE]: version },
    ...options,
  };
}

/**
 * The groups that words of a command line ask for: a word stands for every group whose name begins
 * with it; no word at all for every group.
 *
 * @throws {RangeError} for a word that stands for none
 */
export function selectGroups(words: readonly string[], groups = GROUPS): Group[] {
  for (const word of words) {
    if (!groups.some((group) => group.name.startsWith(word))) {
      const names = groups.map((group) => group.name).join(", ");
      throw new RangeError(`there is no group of tests ${word}; there are ${names}`);
    }
  }
  if (words.length === 0) return [...groups];
  return groups.filter((group) => words.some((word) => group.name.startsWith(word)));
}
