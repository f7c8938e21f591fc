/** What the engine and the stages of jobs pass to each other. */
import type { Database } from "../lib/database.ts";
import type { Budget } from "./budget.ts";
import type { Rates } from "../lib/concurrency/rate_limiter.ts";

/** A cursor that this slice holds, with what its run was asked to do. */
export interface Lease {
  readonly cursor: number;
  readonly run: string;
  readonly kind: string;
  readonly stage: string;
  readonly bucket_id: string | null;
  readonly position: Record<string, unknown>;
  /** Leases since the last commit, this one included. */
  readonly attempts: number;
  /** Workers that died since then: whoever killed their isolates, it was over what comes now. */
  readonly crashes: number;
  /** Whether one object is acted on and committed at a time, to find out which one kills. */
  readonly isolation_mode: boolean;
  readonly plan: Record<string, unknown>;
  readonly repository: number | null;
  readonly sequence: number | null;
  /** The exact bytes of snapshot.json, once the run is sealing. */
  readonly frozen: string | null;
  readonly started_at: string;
  /** What this worker may read; `egress`: whether it has to ask before each page. */
  readonly limits: Rates & { readonly egress: boolean };
  /** For how long from its load on the isolate may be used, seconds. */
  readonly slice_seconds: number;
}

/** What a stage needs of the engine. */
export interface SliceContext {
  readonly database: Database;
  readonly budget: Budget;
  /** This worker's name on its leases. */
  readonly owner: string;
  /**
   * Calls a function of the database that takes cursor_id and owner. Whichever takes counters, as
   * `done`, is told the bytes that were read from Storage, too.
   */
  commit<Result>(name: string, lease: Lease, parameters?: Record<string, unknown>): Promise<Result>;
}

/**
 * Works on a leased cursor until it is finished or the budget is spent. Whatever it did is
 * committed with the cursor's position before it returns.
 */
export type Stage = (lease: Lease, context: SliceContext) => Promise<"finished" | "more">;

/** The stages of every job, by `<kind>.<stage>`. */
export type Stages = Readonly<Record<string, Stage>>;
