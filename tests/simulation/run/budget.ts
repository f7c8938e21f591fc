/** How many simulation runs the test commands afford. */

/** Minimum number of times each fault must meet each kind of request, wherever all must meet. */
export const MIN_MEETINGS = 20;

/** With so many unsteered seeds (`--seeds`) every pair is expected to reach MIN_MEETINGS. */
export const SEEDS_FOR_MIN_MEETINGS = 300;

/**
 * A steered run (`--each-pair`) gives up after so many seeds a process and reports what is missing.
 */
export const MAX_STEERED_SEEDS = 150;

/** `task test --nightly` runs so many unsteered seeds, from a first seed that is new each time. */
export const NIGHTLY_SEEDS = 2_000;

/** The first seed of `task test`: fixed, so that a new failure is due to the change under test. */
const FIRST_SEED = 821_532;

/** One process more than cores: each waits for its PostgreSQL a quarter of its time. */
const JOBS = navigator.hardwareConcurrency + 1;

/** What the test runner asks for. */
export interface TestRunOptions {
  readonly nightly: boolean;
  /** Another first seed. */
  readonly seed?: string;
}

/** The arguments of `deno task simulate` with which the test runner calls it. */
export function testArguments({ nightly, seed }: TestRunOptions): string[] {
  const jobs = ["--jobs", String(JOBS)];
  if (!nightly) {
    return ["--each-pair", `${MIN_MEETINGS}`, "--seed", seed ?? `${FIRST_SEED}`, ...jobs];
  }
  return ["--seeds", `${NIGHTLY_SEEDS}`, ...(seed === undefined ? [] : ["--seed", seed]), ...jobs];
}
