/** The functions' access to the network and to time. */
import type { Clock } from "../clock/clock.ts";

/** The `fetch` and the clock of an app. Every request and every read of the time uses them. */
export interface Transport {
  readonly fetch: typeof fetch;
  readonly clock: Clock;
}
