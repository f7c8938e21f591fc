/**
 * The budget of an isolate. The platform limits the isolate and not the invocation, and several
 * slices can run in one isolate. Therefore all slices of the isolate share one budget.
 */
import type { Clock } from "../lib/clock/clock.ts";
import { Semaphore } from "../lib/concurrency/semaphore.ts";
import { createRateLimiter, type RateLimiter } from "../lib/concurrency/rate_limiter.ts";

/**
 * Lifetime of an isolate from its load that every platform grants. The shortest limit is 60 s
 * (self-hosted Supabase); the rest is a margin for work in progress.
 */
const GUARANTEED_LIFETIME_MS = 40_000;
/**
 * CPU of the main thread in milliseconds after which an isolate leases no more. It is above the
 * platform's soft limit of 1 s, so that the next slice gets a new isolate. It is below the hard
 * limit of 2 s, at which the platform kills the isolate and uncommitted work is lost.
 */
export const CPU_MS = 1_500;
/** The platform's soft CPU limit, and its share of the budget where the budget is set to less. */
const SOFT_LIMIT_MS = 1_000;
const SOFT_LIMIT_SHARE = SOFT_LIMIT_MS / CPU_MS;
/** CPU of loading the function, which can't be measured: 60 to 100 ms on Deno 2.1.4. */
const LOADING_CPU_MS = 100;
/**
 * CPU estimate of one object, for runtimes that can't measure CPU; measured on Deno 2.1.4. It has no
 * safety margin. If it is too low, the platform's warning at 90 % of the limit stops the slice. If
 * it is too high, slices end before they have used their budget.
 */
const CPU_MS_PER_OBJECT = 0.3;
/**
 * CPU estimate of one byte: 3 to 4 s a GB on a fast machine, 8 s on a slow one. It has a safety
 * margin: after the warning 200 ms remain, and the 16 MiB in progress may need more.
 */
const CPU_MS_PER_BYTE = 8_000 / 1e9;

/**
 * Most bytes of objects in memory at once, over all slices of an isolate. The runtime holds each byte
 * up to three times (digest, request, garbage). On Deno 2.1.4, 24 MiB led to 194 to 204 MB resident
 * memory and 16 MiB to 173 to 183 MB, with the same CPU.
 */
export const MAX_BYTES_IN_FLIGHT = 16 * 1024 * 1024;
/** Most objects in progress at once. Objects of 10 KB take 20 % less CPU each than with 16 at once. */
export const MAX_OBJECTS_IN_FLIGHT = 32;
/** Most objects of a page. A page ends at the first of its three limits. */
export const PAGE_OBJECTS = 500;
/** Most bytes to copy in a page. */
export const PAGE_BYTES = 64 * 1024 * 1024;
/** Longest time in milliseconds that a slice works on a page before it commits. */
export const PAGE_MS = 5_000;

/**
 * Most objects of a page for a lease. In isolation mode it is one, so that a further crash identifies
 * the poison object.
 */
export function pageObjects({ isolation_mode }: { readonly isolation_mode: boolean }): number {
  return isolation_mode ? 1 : PAGE_OBJECTS;
}

/** Starts the time of one page. Returns a function that reports whether the page's time is up. */
export function pageClock(clock: Clock): () => boolean {
  const deadline = clock.now() + PAGE_MS;
  return () => clock.now() >= deadline;
}

/** Decides when slices must stop. */
export interface Budget {
  /** The clock of the lifetime. */
  readonly clock: Clock;
  /** Bytes of objects in memory. Enter before reading bytes and leave after releasing them. */
  readonly bytesInFlight: Semaphore;
  /** Limits the reads from Storage. */
  readonly rateLimiter: RateLimiter;
  /** Charges work when it starts, because work in progress must still be finished. */
  charge(objects: number, bytes: number): void;
  /**
   * Whether this much more work may start. If not, the budget is exhausted until the isolate admits
   * another request.
   */
  canAfford(objects: number, bytes: number): boolean;
  /** Whether slices should end their page now and release the cursor. */
  exhausted(): boolean;
  /**
   * Waits until the rates allow reading another page or part.
   *
   * @throws HoldfastError `paused_by_limit` if this slice may read no more
   */
  ready(): Promise<void>;
  /** Seconds since the isolate was loaded. */
  ageSeconds(): number;
  /** Sets the lifetime in seconds from the load. The database learns it from earlier isolates. */
  setLifetime(seconds: number): void;
  /** Records that a request reached the isolate. Returns whether a slice may start. */
  admit(): boolean;
  /** Exhausts the budget for good. Called when the platform is about to end the isolate. */
  close(): void;
  /** Sets the CPU in milliseconds after which nothing is leased. */
  allowCpu(milliseconds: number): void;
}

/** The clocks of a budget. */
export interface BudgetClocks {
  readonly clock: Clock;
  /**
   * Returns the CPU time of the main thread in milliseconds, which never decreases. If it is absent,
   * the budget estimates CPU from objects and bytes.
   */
  readonly cpu?: (() => number) | undefined;
}

/** Makes the budget of an isolate that was loaded just now. */
export function createBudget({ clock, cpu }: BudgetClocks): Budget {
  const loadedAt = clock.now();
  // The isolate's end as known from earlier isolates, and as inferred from requests it received.
  let learnt = loadedAt + GUARANTEED_LIFETIME_MS;
  let proven = 0;
  let allowedCpuMs = CPU_MS;
  let chargedMs = 0;
  const used = cpu ?? (() => chargedMs);
  let usedBefore = used() - LOADING_CPU_MS;
  let closed = false;
  let full = false;
  return {
    clock,
    bytesInFlight: new Semaphore(MAX_BYTES_IN_FLIGHT),
    rateLimiter: createRateLimiter(MAX_OBJECTS_IN_FLIGHT, clock),
    charge(objects, bytes) {
      chargedMs += estimateMs(objects, bytes);
    },
    canAfford(objects, bytes) {
      full ||= used() - usedBefore + estimateMs(objects, bytes) > allowedCpuMs;
      return !full;
    },
    exhausted: () =>
      closed || full || clock.now() >= Math.max(learnt, proven) ||
      used() - usedBefore >= allowedCpuMs,
    ready: () => Promise.resolve(),
    ageSeconds: () => (clock.now() - loadedAt) / 1000,
    setLifetime(seconds) {
      learnt = loadedAt + Math.max(GUARANTEED_LIFETIME_MS, seconds * 1000);
    },
    admit() {
      if (closed) return false;
      // The platform sends no requests to an isolate that has used half of its time or its CPU. So
      // this isolate has at least as much time ahead as behind it (80 % of that is used). If the
      // charged CPU is above the soft limit, the estimate is too high or there is no limit.
      const now = clock.now();
      proven = Math.max(proven, now + (now - loadedAt) * 0.8);
      const softLimitMs = Math.min(SOFT_LIMIT_MS, allowedCpuMs * SOFT_LIMIT_SHARE);
      usedBefore = Math.max(usedBefore, used() - softLimitMs);
      full = false;
      return true;
    },
    close() {
      closed = true;
    },
    allowCpu(milliseconds) {
      allowedCpuMs = milliseconds;
    },
  };
}

function estimateMs(objects: number, bytes: number): number {
  return objects * CPU_MS_PER_OBJECT + bytes * CPU_MS_PER_BYTE;
}

/**
 * Returns a function that measures the CPU of this thread in milliseconds; undefined if the runtime
 * can't. It needs `process.threadCpuUsage`, which Deno 2.1.4 and Edge Runtime lack.
 * `process.cpuUsage` is no substitute: it includes other threads, and returns zeros there.
 */
export function threadCpu(): (() => number) | undefined {
  const { process } = globalThis as {
    process?: { threadCpuUsage?: () => { user: number; system: number } };
  };
  if (process?.threadCpuUsage === undefined) return undefined;
  return () => {
    const { user, system } = process.threadCpuUsage!();
    return (user + system) / 1000;
  };
}
