/** The loop of every job: lease a cursor, run its stage, release the cursor for the next slice. */
import { type ErrorCode, HoldfastError, messageOf } from "../config/errors.ts";
import { logError, logNotice, logUnexpected } from "../observability/log.ts";
import type { Database } from "../lib/database.ts";
import type { Budget } from "./budget.ts";
import { committer } from "./fenced_calls.ts";
import { LONGEST_DELAY_MS } from "../lib/http/retry_policy.ts";
import type { Lease, SliceContext, Stages } from "./types.ts";

/** Failures that a retry does not fix. They end the run, and its report has the remedy. */
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

/** Leases of one page after which any other failure ends the run too. The tick retries until then. */
const MAX_ATTEMPTS = 5;

/**
 * Crashes after which an object is recorded as a poison object and skipped. The last try copies the
 * object alone (isolation mode), so that no other object can be the cause.
 */
const MAX_CRASHES = 3;

/** Interval of heartbeats. A lease lasts 60 s, so one lost heartbeat does not end it. */
const HEARTBEAT_MS = 20_000;

/** Whether the first object of a lease is a poison object: it has crashed `MAX_CRASHES` workers. */
export function firstIsPoisonObject(lease: Lease): boolean {
  return lease.isolation_mode && lease.crashes >= MAX_CRASHES;
}

/**
 * Runs one slice: leases cursors and runs their stages. It ends when no cursor is free, when the
 * budget is exhausted, or after a failure. Failures of stages are recorded and not thrown.
 *
 * @param functionName the Edge Function, whose jobs' cursors are leased
 * @param stages the stages of these jobs
 * @param run UUID of the run to work on; null: any
 * @throws HoldfastError `database_…` if the database can't be reached
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

/** The isolate's budget with the limits that users set: it is also exhausted when a limit is reached. */
function withinLimits(budget: Budget, lease: Lease, commit: SliceContext["commit"]): Budget {
  return {
    ...budget,
    exhausted: () => budget.exhausted() || restSeconds(budget) > 0,
    async ready() {
      const allowed = !lease.limits.egress || await commit<boolean>("may_read", lease);
      if (!allowed || restSeconds(budget) > 0) {
        throw new HoldfastError("paused_by_limit", "The limit on reads from Storage is reached.");
      }
      const wait = budget.rateLimiter.waitMs();
      if (wait > 0) await budget.clock.delay(wait);
    },
  };
}

/** Seconds that the worker must pause to keep its rates; 0 if the slice itself can wait that long. */
function restSeconds({ rateLimiter }: Budget): number {
  const wait = rateLimiter.waitMs();
  return wait > LONGEST_DELAY_MS ? wait / 1000 : 0;
}

/** Runs the stage of one lease. Returns whether the slice may lease again. */
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
      // Logging is enough: if the lease is lost, the page's commit fails with lease_lost.
      logError({ run: lease.run, stage: lease.stage, message: `heartbeat: ${messageOf(error)}` });
    });
  }, HEARTBEAT_MS);
  try {
    return await act();
  } finally {
    clearInterval(timer);
  }
}

/** Releases the cursor. The same transaction posts the next slice. */
async function releaseAndContinue(lease: Lease, context: SliceContext): Promise<void> {
  try {
    await context.commit("release_cursor", lease, { rest_seconds: restSeconds(context.budget) });
  } catch (error) {
    if (!(error instanceof HoldfastError && error.code === "lease_lost")) throw error;
    // The cursor is finished or another worker has it. Other cursors of the run may have work.
    await context.database.call("post_slice", { run_id: lease.run });
  }
}

/** Ends the run if a retry can't help. Otherwise the cursor stays for a later slice. */
async function handleStageError(
  error: unknown,
  lease: Lease,
  context: SliceContext,
): Promise<void> {
  const known = error instanceof HoldfastError;
  if (known && error.code === "paused_by_limit") return await pause(lease, context);
  const retryable = !(known && FATAL.has(error.code));
  // An expected error in the first stage ends the run at once, because nothing is copied yet.
  const first = lease.stage === "prepare" && known;
  const where = { run: lease.run, stage: lease.stage };
  if (known) logError({ ...where, code: error.code, message: error.message });
  else logUnexpected(error, where);
  // Without the database, fail_run could not be recorded either.
  if (known && error.code.startsWith("database_")) return await leave(lease, context, error);
  // An outage may last for hours. The tick retries each minute, until six hours without progress.
  const outage = known && error.code.endsWith("_unreachable");
  if (retryable && !first && (outage || lease.attempts < MAX_ATTEMPTS)) {
    return await leave(lease, context, known ? error : undefined);
  }
  await context.commit("fail_run", lease, {
    code: known ? error.code : "internal",
    message: messageOf(error),
    remedy: known ? error.remedy : null,
  });
}

/**
 * Ends the slice at a limit that users set. For a rate, the next slice starts after a short rest.
 * The egress limit pauses the run until the limit's day or month ends.
 */
async function pause(lease: Lease, context: SliceContext): Promise<void> {
  if (restSeconds(context.budget) > 0) return await releaseAndContinue(lease, context);
  const { newly_paused, ...paused } = await context.commit<{ newly_paused: boolean }>(
    "pause_cursor",
    lease,
  );
  if (newly_paused) logNotice({ run: lease.run, stage: lease.stage, paused });
}

/**
 * Ends the lease for a later retry, so that the failure does not count as a crash. If the call fails,
 * the lease expires and counts as one. A server's Retry-After applies to all workers of the run.
 */
async function leave(lease: Lease, context: SliceContext, cause?: HoldfastError): Promise<void> {
  const retry = cause && cause.retryAfterMs > 0
    ? { retry_seconds: cause.retryAfterMs / 1000, code: cause.code, message: cause.message }
    : {};
  try {
    await context.commit("leave_cursor", lease, retry);
  } catch (error) {
    // The failure of the stage is already in the log.
    if (!(error instanceof HoldfastError)) throw error;
  }
}
