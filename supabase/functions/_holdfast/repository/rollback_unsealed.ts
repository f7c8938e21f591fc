/** Taking the catalog back to what was sealed, in transactions that end in time. */

/** Entries that one transaction forgets. */
const ROLLBACK_ROWS = 20_000;

/**
 * Forgets until nothing is left; false where the budget is spent before. `forget` forgets so many
 * entries and tells how many there were.
 */
export async function rollbackInSteps(
  budget: { exhausted(): boolean },
  forget: (maxRows: number) => Promise<number>,
): Promise<boolean> {
  while (await forget(ROLLBACK_ROWS) > 0) {
    if (budget.exhausted()) return false;
  }
  return true;
}
