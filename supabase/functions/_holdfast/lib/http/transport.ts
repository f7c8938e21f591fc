/** What the functions reach the world through. */
import type { Clock } from "../clock/clock.ts";

/** The way out of one app: every request and every reading of time goes through it. */
export interface Transport {
  readonly fetch: typeof fetch;
  readonly clock: Clock;
}
