/** What must hold, by the names under which a broken promise is reported. */
export const INVARIANTS = {
  restores_exactly: "a sealed snapshot restores to exactly what it lists",
  snapshot_accurate: "a sealed snapshot lists every object once, in a state that it really had",
  no_missing_bytes: "no sealed snapshot lacks bytes that it names",
  assumed_marked: "bytes that were not read under a new name are listed as assumed",
  catalog_accurate: "the catalog says of each sealed snapshot what the repository says",
  no_row_passed: "no cursor passes a row that is not copied or recorded",
  no_work_lost: "no committed work is lost or done again",
  makes_progress: "whatever dies, whenever: others and the next tick go on to the end",
  written_once: "what lies in the repository is never overwritten and never deleted",
  fenced: "a lane that lost its lease commits nothing",
  source_untouched: "a backup writes nothing to the project's Storage",
  target_kept: "a restore deletes nothing and overwrites nothing that it was not told to",
  no_secret: "no secret appears in a log, a row or the repository",
  rewind_refused: "a database restored to an earlier moment writes nothing before it re-imports",
} as const;

/** The name of a promise. */
export type InvariantName = keyof typeof INVARIANTS;

/** A promise that did not hold. */
export class InvariantViolation extends Error {
  override name = "BrokenPromise";

  constructor(readonly promise: InvariantName, message: string, options?: ErrorOptions) {
    super(`${promise}: ${message}`, options);
  }
}

/** Runs a check of others: whatever it throws means that this promise is broken. */
export async function assertInvariant<Result>(
  promise: InvariantName,
  check: () => Promise<Result> | Result,
): Promise<Result> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof InvariantViolation) throw error;
    throw new InvariantViolation(promise, error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}
