/** Waiting before another try. */

const FIRST_DELAY_MS = 100;
/** A slice has no more to spare: whoever is asked to wait longer hands on. */
export const LONGEST_DELAY_MS = 5_000;

/**
 * Milliseconds to wait before try `attempt` (1 for the first repetition): doubling up to five
 * seconds, with full jitter so that many workers do not return at once, and all of it behind the time
 * that the server asked for, or they all would return just then. Of that time, no more than five
 * seconds are waited for here.
 */
export function backoffMs(attempt: number, retryAfterMs = 0): number {
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return Math.min(retryAfterMs, LONGEST_DELAY_MS) + Math.random() * ceiling;
}
