/** How long to wait before a retry. */

const FIRST_DELAY_MS = 100;
/** Longest wait within a slice, in milliseconds. For a longer one, the slice ends. */
export const LONGEST_DELAY_MS = 5_000;

/**
 * Milliseconds to wait before a retry: exponential backoff up to five seconds with full jitter, so
 * that workers do not retry at the same moment. The jitter is added to the time that the server
 * asked for, or all workers would return at the end of that time.
 *
 * @param attempt number of the retry, from 1
 * @param retryAfterMs milliseconds that the server asked to wait; at most five seconds count
 */
export function backoffMs(attempt: number, retryAfterMs = 0): number {
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return Math.min(retryAfterMs, LONGEST_DELAY_MS) + Math.random() * ceiling;
}
