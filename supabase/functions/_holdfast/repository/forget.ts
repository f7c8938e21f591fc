/** Taking the catalog back to what was sealed, in transactions that end in time. */

/** Entries that one transaction forgets. */
const FORGET_ROWS = 20_000;

/**
 * Forgets until nothing is left; false where the budget is spent before. `forget` forgets so many
 * entries and tells how many there were.
 */
export async function forgetInSteps(
  budget: { spent(): boolean },
  forget: (maxRows: number) => Promise<number>,
): Promise<boolean> {
  while (await forget(FORGET_ROWS) > 0) {
    if (budget.spent()) return false;
  }
  return true;
}
