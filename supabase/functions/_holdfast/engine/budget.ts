/** What one slice may use before it hands on. */

/** Half of the shortest wall time of a platform (60 s self-hosted would drop an idle isolate at 30). */
const SLICE_MS = 40_000;
/**
 * Main-thread CPU that a slice may be charged before it hands on: the platform kills at 2 s over
 * the isolate's whole life, loading included.
 */
const SLICE_CPU_MS = 1_200;
/** Estimates where the runtime can't measure: per object, and per byte (about 4 s a GB). */
const CPU_MS_PER_OBJECT = 0.5;
const CPU_MS_PER_BYTE = 4_000 / 1e9;

/** At most this many bytes of objects in memory at once, over all slices of an isolate. */
export const MAX_BYTES_IN_FLIGHT = 64 * 1024 * 1024;
/** Objects at once; 16 to 32 is where CPU per object is least. */
export const MAX_OBJECTS_IN_FLIGHT = 16;
/** A page ends at whichever comes first: this many objects, bytes, or this much time. */
export const PAGE_OBJECTS = 500;
export const PAGE_BYTES = 64 * 1024 * 1024;
export const PAGE_MS = 5_000;

/** A clock for one page, which begins now: whether its time is up. */
export function pageClock(now: () => number = () => performance.now()): () => boolean {
  const deadline = now() + PAGE_MS;
  return () => now() >= deadline;
}

/** Tells a slice when to stop. */
export interface Budget {
  /** Charges work that was done. */
  charge(objects: number, bytes: number): void;
  /** Whether the slice should hand on at the next commit. */
  spent(): boolean;
}

/** A budget for a slice that begins now. `now` gives milliseconds that never go back. */
export function createBudget(now: () => number = () => performance.now()): Budget {
  const deadline = now() + SLICE_MS;
  let cpuMs = 0;
  return {
    charge(objects, bytes) {
      cpuMs += objects * CPU_MS_PER_OBJECT + bytes * CPU_MS_PER_BYTE;
    },
    spent: () => now() >= deadline || cpuMs >= SLICE_CPU_MS,
  };
}
