import type { FunctionsMode } from "../stack/edge/functions.ts";
import type { LIMITS } from "../stack/edge/isolate_limits.ts";
import type { DenoVersion } from "../stack/process/deno_versions.ts";
import { CURRENT_DENO, EDGE_RUNTIME_DENO } from "../stack/process/deno_versions.ts";
import type { Part } from "./parts.ts";

/** Tests that run in one process, on one Deno. */
export interface Group {
  /** What the command line calls it. */
  name: string;
  /** Its test files, and folders of them, below tests/. */
  paths: readonly string[];
  /** Test files and folders below tests/ that it leaves out. */
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
  /**
   * True for one of the second row, which runs beside the first, on servers of its own; what it
   * prints is shown after all. Tests wait half of their time, or leave a core to others.
   */
  beside?: true;
  /** True for one that runs when the second row is through: it needs all cores, or a quiet machine. */
  alone?: true;
  /** True for one that runs only where it is named: what it says, the others nearly say together. */
  onDemand?: true;
}

/** Where end-to-end tests have functions run: on which Deno, and on which platform's terms. */
export const FUNCTIONS_VARIABLES = {
  deno: "HOLDFAST_TEST_FUNCTIONS_DENO",
  mode: "HOLDFAST_TEST_FUNCTIONS_MODE",
  limits: "HOLDFAST_TEST_FUNCTIONS_LIMITS",
} as const;

/** Functions in a platform's mode and under its limits. */
interface Platform {
  readonly deno: DenoVersion;
  readonly mode: FunctionsMode;
  readonly limits: keyof typeof LIMITS;
}

/** End-to-end tests that call no function, and so are run once. */
const WITHOUT_FUNCTIONS = ["e2e/add", "e2e/sql"];

/**
 * How the engine bears outages, limits, kills and lies, and what restores and rows are about: told
 * once, on the Deno of Edge Runtime and the older PostgreSQL.
 */
const ON_THE_RUNTIME = [
  "e2e/adopt.test.ts",
  "e2e/egress.test.ts",
  "e2e/hostile_repository.test.ts",
  "e2e/hostile_source.test.ts",
  "e2e/killed_upload.test.ts",
  "e2e/killer.test.ts",
  "e2e/late_record.test.ts",
  "e2e/left_uploads.test.ts",
  "e2e/limits.test.ts",
  "e2e/lost_posts.test.ts",
  "e2e/outage.test.ts",
  "e2e/ownership.test.ts",
  "e2e/repository_changed.test.ts",
  "e2e/restore_lost_bytes.test.ts",
  "e2e/restore_overwrite.test.ts",
  "e2e/scope.test.ts",
  "e2e/settings.test.ts",
  "e2e/take_over.test.ts",
  "e2e/take_over_again.test.ts",
  "e2e/unavailable.test.ts",
];

/**
 * What people read and run, what stand-ins measure, what a restore chooses, and what is refused to a
 * caller or by a server: told once, on the Deno of today.
 */
const ON_THE_CURRENT = [
  "e2e/bad_requests.test.ts",
  "e2e/buckets.test.ts",
  "e2e/concurrency.test.ts",
  "e2e/demo.test.ts",
  "e2e/demo_compare.test.ts",
  "e2e/docs",
  "e2e/import.test.ts",
  "e2e/keys.test.ts",
  "e2e/kinds.test.ts",
  "e2e/newer_format.test.ts",
  "e2e/numbers.test.ts",
  "e2e/refused_key.test.ts",
  "e2e/repository_errors.test.ts",
  "e2e/restore_buckets.test.ts",
  "e2e/restore_choose.test.ts",
  "e2e/restore_dry_run.test.ts",
  "e2e/restore_late.test.ts",
  "e2e/restore_policies.test.ts",
  "e2e/strange_words.test.ts",
  "e2e/target_refuses.test.ts",
];

/** A backup and a restore as a whole, small objects and large ones. */
const ROUND_TRIPS = ["e2e/first_backup.test.ts", "e2e/round_trip.test.ts", "e2e/docs"];

/** What is held to an isolate's CPU and time, which both grow where others are at work. */
const ALONE = ["e2e/limits.test.ts"];

/** The Deno of today, on the terms of the hosted platform. */
const TODAY: Platform = { deno: CURRENT_DENO, mode: "shared", limits: "hosted" };
/** The Deno of Edge Runtime, on the terms of a self-hosted one. */
const RUNTIME: Platform = { deno: EDGE_RUNTIME_DENO, mode: "per_post", limits: "selfHosted" };

/** All tests, each row in the order in which it runs: the quick ones first. */
export const GROUPS: readonly Group[] = [
  { name: "unit", paths: ["unit"], deno: "current", beside: true },
  {
    name: "conformance/postgres-pg_cron",
    paths: ["conformance/postgres"],
    deno: "current",
    stack: "pg_cron",
    needs: "pg_cron",
    beside: true,
  },
  {
    name: "conformance/s3-radosgw",
    paths: ["conformance/s3"],
    deno: "current",
    needs: "radosgw",
    beside: true,
  },
  // What ships must also run on the Deno that Edge Runtime is compatible with.
  { name: "unit-2.1.4", paths: ["unit/supabase"], deno: EDGE_RUNTIME_DENO },
  ...["postgres", "storage", "s3", "edge", "stack"].map((part): Group => ({
    name: `conformance/${part}`,
    paths: [`conformance/${part}`],
    deno: "current",
    stack: "packaged",
  })),
  { name: "simulation", paths: ["simulation"], deno: "current", alone: true },
  // Each Deno, PostgreSQL, mode and platform is seen with most tests, in two runs and not sixteen;
  // the two on demand at the end tell all that call functions.
  endToEnd("e2e-2.1.4-limits", RUNTIME, { stack: "pg_cron", paths: ALONE, alone: true }),
  endToEnd("e2e-2.1.4", RUNTIME, {
    stack: "pg_cron",
    without: [...WITHOUT_FUNCTIONS, ...ON_THE_CURRENT, ...ALONE],
    beside: true,
  }),
  endToEnd("e2e-2.9.6", TODAY, { stack: "packaged", without: ON_THE_RUNTIME }),
  endToEnd("e2e-radosgw", TODAY, {
    stack: "packaged",
    paths: ROUND_TRIPS,
    needs: "radosgw",
  }),
  { name: "recovery", paths: ["recovery"], deno: "current", stack: "packaged", needs: "awscli" },
  endToEnd("e2e-hosted-per_post", {
    deno: EDGE_RUNTIME_DENO,
    mode: "per_post",
    limits: "hosted",
  }, { stack: "packaged", without: WITHOUT_FUNCTIONS, onDemand: true }),
  endToEnd("e2e-selfHosted-shared", {
    deno: EDGE_RUNTIME_DENO,
    mode: "shared",
    limits: "selfHosted",
  }, { stack: "packaged", without: WITHOUT_FUNCTIONS, onDemand: true }),
];

function endToEnd(name: string, platform: Platform, rest: Partial<Group>): Group {
  return {
    name,
    paths: ["e2e"],
    deno: "current",
    environment: {
      [FUNCTIONS_VARIABLES.deno]: platform.deno,
      [FUNCTIONS_VARIABLES.mode]: platform.mode,
      [FUNCTIONS_VARIABLES.limits]: platform.limits,
    },
    ...rest,
  };
}

/**
 * The groups that words of a command line ask for: a word stands for every group whose name begins
 * with it, or that has it as its name; no word at all for every group but those on demand.
 *
 * @throws {RangeError} for a word that stands for none
 */
export function selectGroups(words: readonly string[], groups = GROUPS): Group[] {
  for (const word of words) {
    if (!groups.some((group) => standsFor(word, group))) {
      const names = groups.map((group) => group.name).join(", ");
      throw new RangeError(`there is no group of tests ${word}; there are ${names}`);
    }
  }
  if (words.length === 0) return groups.filter((group) => !group.onDemand);
  return groups.filter((group) => words.some((word) => standsFor(word, group)));
}

function standsFor(word: string, { name, onDemand }: Group): boolean {
  return onDemand ? name === word : name.startsWith(word);
}
