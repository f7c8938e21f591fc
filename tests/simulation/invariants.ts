/** What must hold, by the name under which a violation is reported. */
export const INVARIANTS = {
  restores_exactly: "a sealed snapshot restores to exactly what it lists",
  snapshot_accurate:
    "a sealed snapshot lists every object once, in a state that it had during the run",
  no_missing_bytes: "no sealed snapshot lacks bytes that it names",
  assumed_marked: "bytes that were not read under the object's new name are listed as assumed",
  catalog_accurate: "the catalog lists the same entries of each sealed snapshot as the repository",
  no_row_passed: "no cursor passes a row that is not copied or recorded",
  no_work_lost: "no committed work is lost or done again",
  makes_progress: "after a crash at any step, other workers and the next tick finish the work",
  written_once: "objects in the repository are never overwritten and never deleted",
  fenced: "a worker that lost its lease commits nothing",
  source_untouched: "a backup writes nothing to the project's Storage",
  target_kept: "a restore deletes nothing and overwrites nothing without the request's permission",
  no_secret: "no secret appears in a log, a row or the repository",
  rewind_refused:
    "a project whose database was restored to an earlier moment writes nothing before it re-imports",
} as const;

/** The name of an invariant. */
export type InvariantName = keyof typeof INVARIANTS;

/** An invariant that did not hold. */
export class InvariantViolation extends Error {
  override name = "InvariantViolation";

  constructor(readonly invariant: InvariantName, message: string, options?: ErrorOptions) {
    super(`${invariant}: ${message}`, options);
  }
}

/** Runs a check. Any error that it throws is a violation of the invariant. */
export async function assertInvariant<Result>(
  invariant: InvariantName,
  check: () => Promise<Result> | Result,
): Promise<Result> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof InvariantViolation) throw error;
    throw new InvariantViolation(
      invariant,
      error instanceof Error ? error.message : String(error),
      {
        cause: error,
      },
    );
  }
}
