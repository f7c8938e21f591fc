import type { DenoVersion } from "../stack/process/deno_versions.ts";
import { CURRENT_DENO, EDGE_RUNTIME_DENO } from "../stack/process/deno_versions.ts";

/** Tests that run in one process, on one Deno. */
export interface Group {
  /** What the command line calls it. */
  name: string;
  /** The folder of its test files, below tests/. */
  folder: string;
  /** Folders below tests/ that it leaves out. */
  without?: readonly string[];
  /** The Deno that runs the tests themselves. */
  deno: DenoVersion | "current";
  /** Whether they talk to the running stack. */
  stack: boolean;
  environment?: Record<string, string>;
}

/** The environment variable that names the Deno on which end-to-end tests have functions run. */
export const FUNCTIONS_DENO_VARIABLE = "HOLDFAST_TEST_FUNCTIONS_DENO";

/** End-to-end tests that call no function, and so are run once. */
const WITHOUT_FUNCTIONS = ["e2e/add", "e2e/sql"];

/** All tests, in the order in which they run: the quick ones first. */
export const GROUPS: readonly Group[] = [
  { name: "unit", folder: "unit", deno: "current", stack: false },
  // What ships must also run on the Deno that Edge Runtime is compatible with.
  { name: "unit-2.1.4", folder: "unit/supabase", deno: EDGE_RUNTIME_DENO, stack: false },
  ...["postgres", "storage", "s3", "edge", "stack"].map((part): Group => ({
    name: `conformance/${part}`,
    folder: `conformance/${part}`,
    deno: "current",
    stack: true,
  })),
  endToEnd(CURRENT_DENO, []),
  endToEnd(EDGE_RUNTIME_DENO, WITHOUT_FUNCTIONS),
];

function endToEnd(version: DenoVersion, without: readonly string[]): Group {
  return {
    name: `e2e-${version}`,
    folder: "e2e",
    without,
    deno: "current",
    stack: true,
    environment: { [FUNCTIONS_DENO_VARIABLE]: version },
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
