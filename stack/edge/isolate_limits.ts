/** Limits of one isolate from its start to its end. */
export interface IsolateLimits {
  /** Limit of V8's heap and ArrayBuffers together. */
  memoryBytes: number;
  /** CPU limit of the thread that runs its JavaScript. Loading modules counts. */
  cpuMilliseconds: number;
  /** Limit of the time since its start. */
  wallMilliseconds: number;
  /** True to end isolates without `beforeunload`. A platform can be configured so. */
  unannounced?: boolean;
}

const MIB = 1024 * 1024;

/** The limits of Supabase's platforms. */
export const LIMITS = {
  /** Hosted, free plan: `https://supabase.com/docs/guides/functions/limits`. */
  hosted: { memoryBytes: 256 * MIB, cpuMilliseconds: 2_000, wallMilliseconds: 150_000 },
  /** Self-hosted: the defaults of volumes/functions/main/index.ts. */
  selfHosted: { memoryBytes: 150 * MIB, cpuMilliseconds: 2_000, wallMilliseconds: 60_000 },
} as const satisfies Record<string, IsolateLimits>;

/** The resources that are limited, as `beforeunload` names them. */
export type LimitedResource = "cpu" | "memory" | "wall_clock";

/**
 * Shares of a limit at which an isolate is retired and warned. At this share it is retired, for
 * memory only if nothing is pending. At WARNING_SHARE `beforeunload` fires. At 1 the isolate is
 * killed. The source is Edge Runtime's supervisor `strategy_per_worker` and its options
 * `--dispatch-beforeunload-…-ratio`, whose default is 90.
 */
export const RETIRING_SHARE = 0.5;
export const WARNING_SHARE = 0.9;
