/** One check of `deno task check`. */
export interface Check {
  /** Short description for the output. */
  name: string;
  /** Finds faults and describes each in one message; the list is empty if there are none. */
  run(repository: Repository): Promise<string[]>;
}

/** The repository to check. */
export interface Repository {
  /** Absolute path of its folder. */
  path: string;
  /** A folder for temporary files of the checks. It is removed at the end. */
  scratch: string;
}

/**
 * Runs checks one after the other and prints a line for each, followed by its faults.
 *
 * @returns the number of checks that found faults
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
