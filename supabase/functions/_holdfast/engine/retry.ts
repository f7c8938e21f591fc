/** Waiting before another try. */

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;

/**
 * Milliseconds to wait before try `attempt` (1 for the first repetition): doubling, with full
 * jitter so that many lanes do not return at once, and no less than the server asked for. Never
 * above five seconds: a slice has no more to spare, and the next one asks again.
 */
export function backoffMs(attempt: number, retryAfterMs = 0): number {
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return Math.max(Math.min(retryAfterMs, LONGEST_DELAY_MS), Math.random() * ceiling);
}

/** Resolves after some milliseconds. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
