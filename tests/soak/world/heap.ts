import type { SoakProject } from "./soak_project.ts";

const MB = 1_000_000;
/** From one stretch of time to the next the level may change by so much. */
const STEADY_SHARE = 0.1;

/** What the isolates of some minutes had in memory, each at its peak. */
export interface HeapLevel {
  /** Half of all isolates came to at least so much, MB. */
  readonly median: number;
  readonly most: number;
  readonly isolates: number;
}

/** Looks again and again at how much memory V8's heap and buffers take in functions' processes. */
export class HeapWatch {
  readonly levels: HeapLevel[] = [];
  /** MB, by isolate: how old one is when it is looked at, which depends on the load, has no say. */
  readonly #peaks = new Map<string, number>();

  /** Looks at all isolates that run. */
  look({ functions }: SoakProject): void {
    for (const { pid, startedAt, end, peakMemoryBytes } of functions.isolates()) {
      if (end !== undefined || peakMemoryBytes === 0) continue;
      this.#peaks.set(`${pid} ${startedAt}`, peakMemoryBytes / MB);
    }
  }

  /** Ends a stretch of time; undefined where nothing was looked at. */
  take(): HeapLevel | undefined {
    const peaks = [...this.#peaks.values()].sort((one, other) => one - other);
    this.#peaks.clear();
    if (peaks.length === 0) return undefined;
    const level = {
      median: peaks[peaks.length >> 1]!,
      most: peaks.at(-1)!,
      isolates: peaks.length,
    };
    this.levels.push(level);
    return level;
  }
}

/** Whether each level but the first, which is warming up, is within a tenth of the one before. */
export function isSteady(levels: readonly Pick<HeapLevel, "median">[]): boolean {
  return levels.every(({ median }, at) => {
    if (at < 2) return true;
    const before = levels[at - 1]!.median;
    return Math.abs(median - before) <= STEADY_SHARE * before;
  });
}
