/** What an isolate reads from the project's Storage: how much at once, how fast, and how much in all. */
import type { Clock } from "../clock/clock.ts";
import { type Concurrency, createConcurrency } from "./adaptive_concurrency.ts";
import { TokenBucket } from "./token_bucket.ts";

/** Looks so often whether a wait is still of use. */
const LONGEST_NAP_MS = 250;

/** What a worker may read; null for no limit. */
export interface Rates {
  readonly bytes_per_second: number | null;
  readonly requests_per_second: number | null;
}

/** Shared by all slices in an isolate, as the rates are a worker's share and an isolate may be the one worker. */
export interface RateLimiter {
  readonly concurrency: Concurrency;
  setRates(rates: Rates): void;
  /** Milliseconds until what was sent and read is within the rates again. */
  waitMs(): number;
  /** Waits for that, or until `enough`. */
  waitForRate(enough: () => boolean): Promise<void>;
  /**
   * A request is sent of which so many bytes are expected. What it returns is to be called once, with
   * the bytes that came.
   */
  sent(expectedBytes: number): (bytes: number) => void;
  /** Counts bytes that were read; a negative number takes back what was not. */
  countRead(bytes: number): void;
  /** Bytes that were read since it was last asked: whoever asks commits them. */
  takeBytesRead(): number;
}

/** The traffic of an isolate, of so many requests at once at most. */
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
        await clock.delay(Math.min(wait, LONGEST_NAP_MS));
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
