/** What one isolate may use, over its whole life. */
export interface IsolateLimits {
  /** V8's heap and ArrayBuffers, together. */
  memoryBytes: number;
  /** Of the thread that runs its JavaScript, with the loading of its modules. */
  cpuMilliseconds: number;
  /** From its start. */
  wallMilliseconds: number;
  /** True to end isolates without the `beforeunload` that a platform may be set not to fire. */
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
 * What comes at which share of a limit: half of it retires the isolate (memory only where nothing
 * is pending), `beforeunload` warns it, all of it kills it. Edge Runtime's supervisor
 * `strategy_per_worker`, and its options `--dispatch-beforeunload-…-ratio`, which are 90 by default.
 */
export const RETIRING_SHARE = 0.5;
export const WARNING_SHARE = 0.9;
