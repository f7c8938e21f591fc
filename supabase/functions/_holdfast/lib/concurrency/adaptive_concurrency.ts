/**
 * How many requests go at once. More of them are faster, and cheaper in CPU, until the server is
 * busy with them: then each only waits longer. Weight is held back elsewhere (bytes in flight), so
 * that large objects go few at a time whatever this says.
 */

/** Fewer would leave a worker idle while it waits for a single answer. */
const FEWEST = 2;
/** Answers that make a median: at least so many, and one round of what goes at once. */
const SHORTEST_WINDOW = 8;
/**
 * Medians below it are taken for equal. They tell of this isolate's own event loop and not of the
 * server, and twice next to nothing is next to nothing: of 32 small objects at once each waits 50 ms
 * for the CPU alone where that is shared, and half as many at once take half as much CPU again.
 */
const QUICK_MS = 100;
/** How much slower the server may have become for good, window by window, before it counts as busy. */
const DRIFT = 1.02;

/** Decides how many requests go at once, by how long their answers take. */
export interface Concurrency {
  /** How many may go at once now. */
  limit(): number;
  /** An answer began after so many milliseconds. */
  answered(latencyMs: number): void;
  /** The server said that it has too much to do. */
  busy(): void;
}

/**
 * Begins with as many as may go. Halves when the median time to an answer is twice the best median
 * so far, or when the server says that it is busy; adds one for each window in which neither was
 * the case. What was sent before a halving tells nothing of it, and so is passed over.
 */
export function createConcurrency(most: number): Concurrency {
  let limit = most;
  let best: number | undefined;
  let window: number[] = [];
  let passOver = 0;

  function halve(): void {
    passOver = limit;
    limit = Math.max(FEWEST, Math.floor(limit / 2));
    window = [];
  }

  function close(): void {
    const current = Math.max(median(window), QUICK_MS);
    window = [];
    const slow = best !== undefined && current >= 2 * best;
    // Slowly, what lasts becomes what is usual: or a server that was once quick would have us go
    // two at a time for ever.
    best = Math.min(current, (best ?? current) * DRIFT);
    if (slow) halve();
    else limit = Math.min(most, limit + 1);
  }

  return {
    limit: () => limit,
    answered(latencyMs) {
      if (passOver > 0) {
        passOver -= 1;
        return;
      }
      window.push(latencyMs);
      if (window.length >= Math.max(SHORTEST_WINDOW, limit)) close();
    },
    busy() {
      if (passOver > 0) passOver -= 1;
      else halve();
    },
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
