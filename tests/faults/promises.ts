/** What must hold, by the names under which a broken promise is reported. */
export const PROMISES = {
  restores_exactly: "a sealed snapshot restores to exactly what it lists",
  tells_the_truth: "a sealed snapshot lists every object once, in a state that it really had",
  no_missing_bytes: "no sealed snapshot lacks bytes that it names",
  assumed_marked: "bytes that were not read under a new name are listed as assumed",
  catalog_true: "the catalog says of each sealed snapshot what the repository says",
  no_row_passed: "no cursor passes a row that is not copied or recorded",
  no_work_lost: "no committed work is lost or done again",
  goes_on: "whatever dies, whenever: others and the next tick go on to the end",
  written_once: "what lies in the repository is never overwritten and never deleted",
  fenced: "a lane that lost its lease commits nothing",
  source_untouched: "a backup writes nothing to the project's Storage",
  target_kept: "a restore deletes nothing and overwrites nothing that it was not told to",
  no_secret: "no secret appears in a log, a row or the repository",
  rewind_refused: "a database restored to an earlier moment writes nothing before it re-imports",
} as const;

/** The name of a promise. */
export type PromiseName = keyof typeof PROMISES;

/** A promise that did not hold. */
export class BrokenPromise extends Error {
  override name = "BrokenPromise";

  constructor(readonly promise: PromiseName, message: string, options?: ErrorOptions) {
    super(`${promise}: ${message}`, options);
  }
}

/** Runs a check of others: whatever it throws means that this promise is broken. */
export async function holds<Result>(
  promise: PromiseName,
  check: () => Promise<Result> | Result,
): Promise<Result> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof BrokenPromise) throw error;
    throw new BrokenPromise(promise, error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}
