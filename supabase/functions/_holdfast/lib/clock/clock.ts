/** The one clock that everything in an app goes by. Leases go by the database's. */

/** What tells an app of time. */
export interface Clock {
  /** Milliseconds that never go back, from any beginning. */
  now(): number;
  /** The date as this machine has it, which may be wrong: for signatures, documents and people. */
  date(): Date;
  /** Resolves after some milliseconds. */
  delay(ms: number): Promise<void>;
  /** A signal that aborts with a TimeoutError after some milliseconds, for a request's whole time. */
  timeout(ms: number): AbortSignal;
  /** Does something after some milliseconds, unless what it returns is called before. */
  after(ms: number, act: () => void): () => void;
}

/** The machine's clock. Nothing else in these functions reads the time or waits for it. */
export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => new Date(),
  delay: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  timeout: (ms) => AbortSignal.timeout(ms),
  after(ms, act) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
};
