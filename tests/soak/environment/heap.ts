import type { SoakProject } from "./soak_project.ts";

const MB = 1_000_000;
/** The largest relative change of the level from one period to the next. */
const STEADY_SHARE = 0.1;
/**
 * In standard deviations: periods of the same level differ by more in one comparison of a hundred.
 */
const CHANCE = 2.58;

/** The memory of the isolates of one period, each at its peak. */
export interface HeapLevel {
  /** The median of the peaks, in MB. */
  readonly median: number;
  readonly most: number;
  /** The peak of each isolate, in MB, in ascending order. */
  readonly peaks: readonly number[];
}

/** Samples the memory of V8's heap and buffers in the functions' processes. */
export class HeapWatch {
  readonly levels: HeapLevel[] = [];
  /**
   * The peak in MB by isolate. A peak does not depend on when it is sampled, as a current value
   * would.
   */
  readonly #peaks = new Map<string, number>();

  /** Samples all running isolates. */
  look({ functions }: SoakProject): void {
    for (const { pid, startedAt, end, peakMemoryBytes } of functions.isolates()) {
      if (end !== undefined || peakMemoryBytes === 0) continue;
      this.#peaks.set(`${pid} ${startedAt}`, peakMemoryBytes / MB);
    }
  }

  /** Ends a period; undefined if nothing was sampled. */
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
 * Whether no level differs by more than a tenth from the one before, apart from the first, which is the
 * warm-up. The median of thirty isolates differs by a tenth by chance now and then, because peaks depend
 * on the objects that an isolate processed. So the difference must also be significant.
 */
export function isSteady(levels: readonly Pick<HeapLevel, "median" | "peaks">[]): boolean {
  return levels.every((level, at) => {
    const before = levels[at - 1];
    if (at < 2 || before === undefined) return true;
    const change = Math.abs(level.median - before.median);
    return change <= STEADY_SHARE * before.median || !differ(level.peaks, before.peaks);
  });
}

/**
 * The Mann-Whitney test: whether values of one set exceed those of the other more often than by
 * chance.
 */
function differ(these: readonly number[], others: readonly number[]): boolean {
  const pairs = these.length * others.length;
  let above = 0;
  for (const one of these) {
    for (const other of others) above += one > other ? 1 : one === other ? 0.5 : 0;
  }
  const deviation = Math.sqrt(pairs * (these.length + others.length + 1) / 12);
  return Math.abs(above - pairs / 2) > CHANCE * deviation;
}
