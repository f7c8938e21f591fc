/** Parses Retry-After headers. */
import type { Clock } from "../clock/clock.ts";

/**
 * Reads the Retry-After header of a response, which holds seconds or a date.
 *
 * @param clock gives the current date, from which a date is counted
 * @returns milliseconds to wait; undefined if the header is missing or malformed
 */
export function retryAfter(response: Response, clock: Clock): number | undefined {
  const value = response.headers.get("retry-after");
  if (!value) return undefined;
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - clock.date().getTime();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
