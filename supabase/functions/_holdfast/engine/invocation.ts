/** The loop that every job shares: lease a cursor, let its stage work, hand on what is left. */
import { type ErrorCode, HoldfastError, messageOf } from "../config/errors.ts";
import { logError, logNotice, logUnexpected } from "../observability/log.ts";
import type { Database } from "../lib/database.ts";
import type { Budget } from "./budget.ts";
import { committer } from "./fenced_calls.ts";
import { LONGEST_DELAY_MS } from "../lib/http/retry_policy.ts";
import type { Lease, SliceContext, Stages } from "./types.ts";

/** Failures that another try will not repair: the run ends, and says what to do. */
const FATAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "settings_invalid",
  "source_hidden",
  "storage_key_refused",
  "repository_bucket_missing",
  "repository_key_refused",
  "repository_access_denied",
  "repository_missing",
  "repository_changed",
  "repository_not_ours",
  "take_over_too_soon",
  "repository_format_unsupported",
  "repository_damaged",
  "catalog_behind",
  "catalog_ahead",
  "snapshot_unknown",
  "snapshot_too_large",
]);

/** Failures that may pass: the slice ends and the next tick tries again, so many times. */
const MAX_ATTEMPTS = 5;

/** Workers that one object may kill, the last of them alone, before it is recorded and passed. */
const MAX_CRASHES = 3;

/** Three in a lease of 60 s: one lost to a busy connection is no matter. */
const HEARTBEAT_MS = 20_000;

/** Whether the first object of what is leased has killed as many workers as it may. */
export function firstIsPoisonObject(lease: Lease): boolean {
  return lease.isolation_mode && lease.crashes >= MAX_CRASHES;
}

/**
 * Works as one worker of the running run until it is done, the budget is spent, or nothing is free.
 * All that it knows of time is the budget's, and the database's for leases.
 */
export async function runSlice(
  database: Database,
  functionName: string,
  stages: Stages,
  run: string | null,
  budget: Budget,
): Promise<void> {
  const owner = crypto.randomUUID();
  const commit = committer(database, owner, budget);
  while (true) {
    const lease = await database.call<Lease | null>("lease_cursor", {
      owner,
      function_name: functionName,
      run,
      isolate_seconds: budget.ageSeconds(),
    });
    if (!lease) return;
    budget.setLifetime(lease.slice_seconds);
    budget.rateLimiter.setRates(lease.limits);
    const limited = withinLimits(budget, lease, commit);
    if (!await work(lease, stages, { database, budget: limited, owner, commit })) return;
  }
}

/** The isolate's budget for one lease: it ends, too, where the limits that users set leave no more. */
function withinLimits(budget: Budget, lease: Lease, commit: SliceContext["commit"]): Budget {
  return {
    ...budget,
    exhausted: () => budget.exhausted() || restSeconds(budget) > 0,
    async ready() {
      const allowed = !lease.limits.egress || await commit<boolean>("may_read", lease);
      if (!allowed || restSeconds(budget) > 0) {
        throw new HoldfastError("paused_by_limit", "As much was read as may be.");
      }
      const wait = budget.rateLimiter.waitMs();
      if (wait > 0) await budget.clock.delay(wait);
    },
  };
}

/** How long a worker has to rest to keep to its rates, if that is more than a slice can wait. */
function restSeconds({ rateLimiter }: Budget): number {
  const wait = rateLimiter.waitMs();
  return wait > LONGEST_DELAY_MS ? wait / 1000 : 0;
}

/** Whether the slice may lease again. */
async function work(lease: Lease, stages: Stages, context: SliceContext): Promise<boolean> {
  try {
    const stage = stages[`${lease.kind}.${lease.stage}`];
    if (!stage) throw new Error(`there is no stage ${lease.kind}.${lease.stage}`);
    const outcome = await withHeartbeat(lease, context, () => stage(lease, context));
    if (outcome === "finished" && !context.budget.exhausted()) return true;
    await releaseAndContinue(lease, context);
    return false;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "lease_lost") {
      return !context.budget.exhausted();
    }
    await handleStageError(error, lease, context);
    return false;
  }
}

/** Keeps the lease alive while a stage works on a page that takes longer than the lease. */
async function withHeartbeat<Result>(
  lease: Lease,
  context: SliceContext,
  act: () => Promise<Result>,
): Promise<Result> {
  const timer = setInterval(() => {
    context.commit("heartbeat", lease).catch((error) => {
      // The page's own commit will be refused, or find the database well again.
      logError({ run: lease.run, stage: lease.stage, message: `heartbeat: ${messageOf(error)}` });
    });
  }, HEARTBEAT_MS);
  try {
    return await act();
  } finally {
    clearInterval(timer);
  }
}

/** Asks for the next slice, in the transaction that gives the cursor back where it is still held. */
async function releaseAndContinue(lease: Lease, context: SliceContext): Promise<void> {
  try {
    await context.commit("release_cursor", lease, { rest_seconds: restSeconds(context.budget) });
  } catch (error) {
    if (!(error instanceof HoldfastError && error.code === "lease_lost")) throw error;
    // The cursor is finished; other cursors of the run may have work left.
    await context.database.call("post_slice", { run_id: lease.run });
  }
}

/** Ends the run where trying again is of no use; else leaves the cursor to a later slice. */
async function handleStageError(
  error: unknown,
  lease: Lease,
  context: SliceContext,
): Promise<void> {
  const known = error instanceof HoldfastError;
  if (known && error.code === "paused_by_limit") return await pause(lease, context);
  const passing = !(known && FATAL.has(error.code));
  const first = lease.stage === "prepare" && known;
  const where = { run: lease.run, stage: lease.stage };
  if (known) logError({ ...where, code: error.code, message: error.message });
  else logUnexpected(error, where);
  // An end of the run could not be written down.
  if (known && error.code.startsWith("database_")) return await leave(lease, context, error);
  // An outage may last for hours: the tick tries each minute, until six hours without progress.
  const outage = known && error.code.endsWith("_unreachable");
  if (passing && !first && (outage || lease.attempts < MAX_ATTEMPTS)) {
    return await leave(lease, context, known ? error : undefined);
  }
  await context.commit("fail_run", lease, {
    code: known ? error.code : "internal",
    message: messageOf(error),
    remedy: known ? error.remedy : null,
  });
}

/** Ends the slice at a limit that users set: a rate's is over soon, that of egress pauses the run. */
async function pause(lease: Lease, context: SliceContext): Promise<void> {
  if (restSeconds(context.budget) > 0) return await releaseAndContinue(lease, context);
  const { newly_paused, ...paused } = await context.commit<{ newly_paused: boolean }>(
    "pause_cursor",
    lease,
  );
  if (newly_paused) logNotice({ run: lease.run, stage: lease.stage, paused });
}

/**
 * Says that the worker lives; where even that fails, it is taken for dead. A server that said for how
 * long it wants to be left alone is asked by no worker before.
 */
async function leave(lease: Lease, context: SliceContext, cause?: HoldfastError): Promise<void> {
  const asked = cause && cause.retryAfterMs > 0
    ? { retry_seconds: cause.retryAfterMs / 1000, code: cause.code, message: cause.message }
    : {};
  try {
    await context.commit("leave_cursor", lease, asked);
  } catch (error) {
    // What it came from is in the log already.
    if (!(error instanceof HoldfastError)) throw error;
  }
}
