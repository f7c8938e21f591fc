/**
 * Adapts the number of requests at once to the server. More requests are faster and cost less CPU
 * each, until the server is saturated; then each response only takes longer. The limit of bytes in
 * memory applies as well, so few large objects are in progress at once.
 */

/** Smallest limit. With one request, a worker would be idle while it waits for the response. */
const FEWEST = 2;
/** Fewest responses of a median. A window also has at least as many responses as the limit. */
const SHORTEST_WINDOW = 8;
/**
 * Medians below this value count as equal, because they measure this isolate's event loop and not the
 * server. With 32 small objects at once on a shared CPU, each waits 50 ms for the CPU alone. Half as
 * many at once take 50 % more CPU each.
 */
const QUICK_MS = 100;
/** Factor by which the best median may rise a window, so that a permanently slower server is accepted. */
const DRIFT = 1.02;

/** Decides how many requests may be sent at once, from the latency of their responses. */
export interface Concurrency {
  /** Most requests at once, now. */
  limit(): number;
  /** Records that a response started after `latencyMs` milliseconds. */
  answered(latencyMs: number): void;
  /** Records that the server reported overload (429 or 503). */
  busy(): void;
}

/**
 * Makes an adaptive limit that starts at `most`. It halves when the median latency reaches twice the
 * best median so far, or when the server reports overload. Otherwise it rises by one a window.
 * Responses to requests from before a halving are ignored, because they do not show its effect.
 *
 * @param most largest limit
 */
export function createConcurrency(most: number): Concurrency {
  let limit = most;
  let best: number | undefined;
  let window: number[] = [];
  let ignored = 0;

  function halve(): void {
    ignored = limit;
    limit = Math.max(FEWEST, Math.floor(limit / 2));
    window = [];
  }

  function close(): void {
    const current = Math.max(median(window), QUICK_MS);
    window = [];
    const slow = best !== undefined && current >= 2 * best;
    // The best median rises slowly. Otherwise a server that was fast once would keep the limit at
    // two forever.
    best = Math.min(current, (best ?? current) * DRIFT);
    if (slow) halve();
    else limit = Math.min(most, limit + 1);
  }

  return {
    limit: () => limit,
    answered(latencyMs) {
      if (ignored > 0) {
        ignored -= 1;
        return;
      }
      window.push(latencyMs);
      if (window.length >= Math.max(SHORTEST_WINDOW, limit)) close();
    },
    busy() {
      if (ignored > 0) ignored -= 1;
      else halve();
    },
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
