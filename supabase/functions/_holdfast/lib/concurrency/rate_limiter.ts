/** Limits and counts what an isolate reads from the project's Storage. */
import type { Clock } from "../clock/clock.ts";
import { type Concurrency, createConcurrency } from "./adaptive_concurrency.ts";
import { TokenBucket } from "./token_bucket.ts";

/** Interval at which a wait checks whether it can stop early. */
const CHECK_INTERVAL_MS = 250;

/** The rates of one worker; null means no limit. */
export interface Rates {
  readonly bytes_per_second: number | null;
  readonly requests_per_second: number | null;
}

/**
 * The rate limiter of an isolate. All slices of the isolate share it: the rates are one worker's
 * share, and the isolate counts as one worker.
 */
export interface RateLimiter {
  /** Limits the number of requests at once. */
  readonly concurrency: Concurrency;
  /** Sets the rates of requests and bytes. */
  setRates(rates: Rates): void;
  /** Milliseconds until the requests and bytes so far are within the rates. */
  waitMs(): number;
  /** Waits until the rates allow another request, or until `enough` returns true. */
  waitForRate(enough: () => boolean): Promise<void>;
  /**
   * Counts a request and the bytes that are expected of its response. The returned function must be
   * called once, with the number of bytes that were received.
   */
  sent(expectedBytes: number): (bytes: number) => void;
  /** Adds to the count of bytes read; a negative number corrects it. */
  countRead(bytes: number): void;
  /** Returns the bytes read since the last call and resets the count. The caller commits them. */
  takeBytesRead(): number;
}

/**
 * Makes the rate limiter of an isolate.
 *
 * @param mostAtOnce most requests at once
 */
export function createRateLimiter(mostAtOnce: number, clock: Clock): RateLimiter {
  const requests = new TokenBucket(() => clock.now());
  const bytes = new TokenBucket(() => clock.now());
  let read = 0;
  const waitMs = () => Math.max(requests.waitMs(), bytes.waitMs());
  return {
    concurrency: createConcurrency(mostAtOnce),
    setRates(rates) {
      requests.setRate(rates.requests_per_second);
      bytes.setRate(rates.bytes_per_second);
    },
    waitMs,
    async waitForRate(enough) {
      for (let wait = waitMs(); wait > 0 && !enough(); wait = waitMs()) {
        await clock.delay(Math.min(wait, CHECK_INTERVAL_MS));
      }
    },
    sent(expectedBytes) {
      requests.take(1);
      bytes.take(expectedBytes);
      return (came) => {
        bytes.take(came - expectedBytes);
        read += came;
      };
    },
    countRead(count) {
      read += count;
    },
    takeBytesRead() {
      const taken = read;
      read = 0;
      return taken;
    },
  };
}
