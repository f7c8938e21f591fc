import type { SoakProject } from "./soak_project.ts";

const MB = 1_000_000;
/** From one stretch of time to the next the level may change by so much. */
const STEADY_SHARE = 0.1;
/** Standard deviations: two stretches of one level are further apart in one comparison of a hundred. */
const CHANCE = 2.58;

/** What the isolates of some minutes had in memory, each at its peak. */
export interface HeapLevel {
  /** Half of all isolates came to at least so much, MB. */
  readonly median: number;
  readonly most: number;
  /** Of each isolate, MB, in order. */
  readonly peaks: readonly number[];
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
      peaks,
    };
    this.levels.push(level);
    return level;
  }
}

/**
 * Whether no level but the first, which is warming up, is more than a tenth away from the one before.
 * Peaks depend on which objects an isolate met, and of thirty isolates the median is a tenth off by
 * chance now and then: so the difference has to be more than that.
 */
export function isSteady(levels: readonly Pick<HeapLevel, "median" | "peaks">[]): boolean {
  return levels.every((level, at) => {
    const before = levels[at - 1];
    if (at < 2 || before === undefined) return true;
    const change = Math.abs(level.median - before.median);
    return change <= STEADY_SHARE * before.median || !differ(level.peaks, before.peaks);
  });
}

/** Mann and Whitney's test: how often one of these is above one of the others, against chance. */
function differ(these: readonly number[], others: readonly number[]): boolean {
  const pairs = these.length * others.length;
  let above = 0;
  for (const one of these) {
    for (const other of others) above += one > other ? 1 : one === other ? 0.5 : 0;
  }
  const deviation = Math.sqrt(pairs * (these.length + others.length + 1) / 12);
  return Math.abs(above - pairs / 2) > CHANCE * deviation;
}
