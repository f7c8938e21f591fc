/**
 * What an isolate may use. The platform's limits belong to the isolate and not to an invocation, and
 * several slices can share one: so there is one budget, which all slices in the isolate charge.
 */
import type { Clock } from "../lib/clock/clock.ts";
import { Semaphore } from "../lib/concurrency/semaphore.ts";
import { createRateLimiter, type RateLimiter } from "../lib/concurrency/rate_limiter.ts";

/** From its load on, so long is an isolate sure to live: the shortest limit is self-hosting's 60 s. */
const GUARANTEED_LIFETIME_MS = 40_000;
/**
 * Main-thread CPU after which an isolate leases no more. It lies above the platform's soft limit of
 * 1 s on purpose, so that the platform has retired the isolate when the next slice is posted, and
 * below the hard limit of 2 s, at which it is killed with whatever it was doing.
 */
export const CPU_MS = 1_500;
/** The soft limit, and as a share of what is allowed where that is set to less. */
const SOFT_LIMIT_MS = 1_000;
const SOFT_LIMIT_SHARE = SOFT_LIMIT_MS / CPU_MS;
/** Spent on loading before anything could be measured or charged: 60 to 100 ms on Deno 2.1.4. */
const LOADING_CPU_MS = 100;
/**
 * Estimates where the runtime can't measure, by what was measured on Deno 2.1.4. An object's is not on
 * the safe side: where it is too low, the platform's warning at nine tenths of its limit comes first,
 * and where it is too high, isolates hand on with work left that they could have done.
 */
const CPU_MS_PER_OBJECT = 0.3;
/**
 * A byte's is: 3 to 4 s a GB on a quick machine, 8 on a slow one. What is under way when the warning
 * comes has to fit into what is left then, 200 ms, and 16 MiB under way may not.
 */
const CPU_MS_PER_BYTE = 8_000 / 1e9;

/**
 * At most this many bytes of objects in memory at once, over all slices of an isolate. The runtime
 * holds each byte up to three times, for the digest and for the request that sends it, and garbage
 * beside them: 24 MiB came to 194 to 204 MB resident on Deno 2.1.4 and this to 173 to 183, at no more CPU.
 */
export const MAX_BYTES_IN_FLIGHT = 16 * 1024 * 1024;
/** Objects at once in a slice: 10 KB ones take a fifth less CPU each than 16 at once do. */
export const MAX_OBJECTS_IN_FLIGHT = 32;
/** A page ends at whichever comes first: this many objects, bytes, or this much time. */
export const PAGE_OBJECTS = 500;
export const PAGE_BYTES = 64 * 1024 * 1024;
export const PAGE_MS = 5_000;

/**
 * How many objects a page may hold: one where it has to be found out which object kills workers.
 */
export function pageObjects({ isolation_mode }: { readonly isolation_mode: boolean }): number {
  return isolation_mode ? 1 : PAGE_OBJECTS;
}

/** A clock for one page, which begins now: whether its time is up. */
export function pageClock(clock: Clock): () => boolean {
  const deadline = clock.now() + PAGE_MS;
  return () => clock.now() >= deadline;
}

/** Tells slices when to stop. */
export interface Budget {
  /** What it goes by. */
  readonly clock: Clock;
  /** Bytes of objects in memory: entered before they are read, left when they are let go. */
  readonly bytesInFlight: Semaphore;
  /** What is read from Storage. */
  readonly rateLimiter: RateLimiter;
  /** Charges work that begins: what is under way has to be done, too. */
  charge(objects: number, bytes: number): void;
  /** Whether so much more may begin; where it may not, the budget is spent until a request is admitted. */
  canAfford(objects: number, bytes: number): boolean;
  /** Whether slices should end their page now and hand on. */
  exhausted(): boolean;
  /**
   * Waits until a page or part more may be read.
   * @throws HoldfastError `paused_by_limit`: not by this slice.
   */
  ready(): Promise<void>;
  /** Seconds since the isolate was loaded. */
  ageSeconds(): number;
  /** Sets for how many seconds from its load on the isolate may be used: so long others lived. */
  setLifetime(seconds: number): void;
  /** Takes down that a request reached the isolate, and says whether a slice may begin. */
  admit(): boolean;
  /** The platform said that it is about to end the isolate. */
  close(): void;
  /** Sets the CPU after which nothing is leased, milliseconds. */
  allowCpu(milliseconds: number): void;
}

/** What a budget reads time from. */
export interface BudgetClocks {
  readonly clock: Clock;
  /**
   * CPU of the main thread, milliseconds that never go back; absent where the runtime can't tell, and
   * then it is estimated.
   */
  readonly cpu?: (() => number) | undefined;
}

/** A budget for an isolate that was loaded just now. */
export function createBudget({ clock, cpu }: BudgetClocks): Budget {
  const loadedAt = clock.now();
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
      // A platform gives no requests to an isolate that has used half of its time or of its CPU. So
      // it will live as long again, and if we think that it used more CPU, the estimate is too high
      // or there is no such limit. It is better evidence than any estimate.
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
 * How much CPU this thread has used, where the runtime tells: `process.threadCpuUsage`, which Deno
 * 2.1.4 and so Edge Runtime lack. `process.cpuUsage` would charge the threads that hash and collect
 * garbage too, and answers zeros there.
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
