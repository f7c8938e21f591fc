/** Rolls the catalog back to its sealed state, in short transactions. */

/** Most entries that one transaction rolls back. */
const ROLLBACK_ROWS = 20_000;

/**
 * Rolls back all unsealed entries, step by step.
 *
 * @param budget ends the steps when it is exhausted
 * @param rollback rolls back up to `maxRows` entries and returns how many it rolled back
 * @returns whether all entries are rolled back; false if the budget was exhausted before
 */
export async function rollbackInSteps(
  budget: { exhausted(): boolean },
  rollback: (maxRows: number) => Promise<number>,
): Promise<boolean> {
  while (await rollback(ROLLBACK_ROWS) > 0) {
    if (budget.exhausted()) return false;
  }
  return true;
}
