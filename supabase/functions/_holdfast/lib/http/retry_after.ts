/** Retry-After headers. */
import type { Clock } from "../clock/clock.ts";

/**
 * Milliseconds that a Retry-After header asks to wait, given as seconds or as a date; undefined where
 * there is none that can be read.
 *
 * @param clock tells how far off a date is
 */
export function retryAfter(response: Response, clock: Clock): number | undefined {
  const value = response.headers.get("retry-after");
  if (!value) return undefined;
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - clock.date().getTime();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
