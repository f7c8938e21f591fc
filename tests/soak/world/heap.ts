import type { SoakProject } from "./soak_project.ts";

const MB = 1_000_000;
/** From one stretch of time to the next the level may change by so much. */
const STEADY_SHARE = 0.1;

/** What the isolates of some minutes had in memory. */
export interface HeapLevel {
  /** Half of all looks found at least so much in an isolate, MB. */
  readonly median: number;
  readonly most: number;
  readonly looks: number;
}

/** Looks again and again at how much memory V8's heap and buffers take in functions' processes. */
export class HeapWatch {
  readonly levels: HeapLevel[] = [];
  #looks: number[] = [];

  /** Looks at all isolates that run. */
  look({ functions }: SoakProject): void {
    for (const { end, memoryBytes } of functions.isolates()) {
      if (end === undefined && memoryBytes > 0) this.#looks.push(memoryBytes / MB);
    }
  }

  /** Ends a stretch of time; undefined where nothing was looked at. */
  take(): HeapLevel | undefined {
    const looks = this.#looks.sort((one, other) => one - other);
    this.#looks = [];
    if (looks.length === 0) return undefined;
    const level = {
      median: looks[looks.length >> 1]!,
      most: looks.at(-1)!,
      looks: looks.length,
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
