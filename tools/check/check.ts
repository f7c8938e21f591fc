/** One thing that `deno task check` looks at. */
export interface Check {
  /** What is looked at, as it is printed: short. */
  name: string;
  /** Every fault that it finds, each readable alone; none where all is well. */
  run(repository: Repository): Promise<string[]>;
}

/** What the checks look at. */
export interface Repository {
  /** Absolute. */
  path: string;
  /** A folder for what a check needs on the disk; it goes when all is done. */
  scratch: string;
}

/**
 * Runs checks one after the other and prints a line for each, with its faults below.
 *
 * @returns how many found a fault
 */
export async function runChecks(
  checks: Check[],
  repository: Repository,
  print: (line: string) => void,
): Promise<number> {
  let failed = 0;
  for (const check of checks) {
    const faults = await check.run(repository);
    print(`${faults.length === 0 ? "ok  " : "FAIL"}  ${check.name}`);
    for (const fault of faults) print(fault.replace(/^/gm, "      "));
    if (faults.length > 0) failed++;
  }
  print(
    failed === 0
      ? `${checks.length} checks passed`
      : `${failed} of ${checks.length} checks failed; see FAIL above`,
  );
  return failed;
}
