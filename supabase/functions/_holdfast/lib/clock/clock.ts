/** The clock of an app. Leases use the database's clock instead. */

/** Reads the time and waits. Tests replace it to simulate time. */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary start. */
  now(): number;
  /** The machine's date, which may be wrong. It is used for signatures, documents and messages. */
  date(): Date;
  /** Resolves after `ms` milliseconds. */
  delay(ms: number): Promise<void>;
  /** Makes a signal that aborts with a TimeoutError after `ms` milliseconds. */
  timeout(ms: number): AbortSignal;
  /** Calls `act` after `ms` milliseconds. The returned function cancels that. */
  after(ms: number, act: () => void): () => void;
}

/** The machine's clock. No other code of the functions reads the time or sets timers, except heartbeats. */
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
