/** Types that the engine and the stages of jobs share. */
import type { Database } from "../lib/database.ts";
import type { Budget } from "./budget.ts";
import type { Rates } from "../lib/concurrency/rate_limiter.ts";

/** A cursor that this slice holds, with the plan of its run. */
export interface Lease {
  /** Row id of the cursor. */
  readonly cursor: number;
  /** UUID of the run. */
  readonly run: string;
  /** The job: backup, import or restore. */
  readonly kind: string;
  readonly stage: string;
  /** The bucket that the cursor covers; null if the stage covers no single bucket. */
  readonly bucket_id: string | null;
  /** Where the stage continues; its fields depend on the stage. */
  readonly position: Record<string, unknown>;
  /** Leases since the last commit, this one included. */
  readonly attempts: number;
  /** Workers that crashed since the last commit. Work after the position caused the crashes. */
  readonly crashes: number;
  /** Whether objects are processed and committed one at a time, to identify a poison object. */
  readonly isolation_mode: boolean;
  /** What the run was started with. */
  readonly plan: Record<string, unknown>;
  /** Row id of the repository; null before the run has opened it. */
  readonly repository: number | null;
  /** Sequence number of the run's snapshot in the repository's log. */
  readonly sequence: number | null;
  /** The exact bytes of snapshot.json, once the run is sealing. */
  readonly frozen: string | null;
  /** When the run started, ISO 8601 in UTC. */
  readonly started_at: string;
  /** This worker's rates. If `egress` is true, `may_read` must be called before each page. */
  readonly limits: Rates & { readonly egress: boolean };
  /** Seconds from the isolate's load during which slices may run in it. */
  readonly slice_seconds: number;
}

/** What the engine provides to a stage. */
export interface SliceContext {
  readonly database: Database;
  readonly budget: Budget;
  /** This worker's name on its leases. */
  readonly owner: string;
  /**
   * Calls a SQL function that takes `cursor_id` and `owner`. If `parameters` has counters as `done`,
   * the bytes read from Storage are added to them.
   *
   * @throws HoldfastError `lease_lost` if another worker has the cursor
   */
  commit<Result>(name: string, lease: Lease, parameters?: Record<string, unknown>): Promise<Result>;
}

/**
 * Works on a leased cursor until the cursor is finished or the budget is exhausted. Before it returns,
 * it commits its work together with the cursor's position.
 */
export type Stage = (lease: Lease, context: SliceContext) => Promise<"finished" | "more">;

/** The stages of every job, by `<kind>.<stage>`. */
export type Stages = Readonly<Record<string, Stage>>;
