/** Cutting what a window holds into pages, and acting on one page. */
import { type Budget, PAGE_BYTES, pageClock } from "../../engine/budget.ts";
import { mapConcurrent } from "../../lib/concurrency/map_concurrent.ts";
import { type ErrorCode, HoldfastError, messageOf } from "../../config/errors.ts";
import { logUnexpected } from "../../observability/log.ts";
import { isOfDatabase } from "../../project/database.ts";
import { type CopyContext, copyObject, type CopyOutcome, type CopyRequests } from "./copy.ts";
import type { BackupItem, BackupResult, Counters, ObjectFailure } from "../../transfer/types.ts";
import { detectOutage } from "../../transfer/detect_outage.ts";
import { isMultipart, PART_BYTES } from "../../transfer/parts.ts";

/** The first items that make one page, by number and by bytes to copy; at least one. */
export function cutPage(items: readonly BackupItem[], maxObjects: number): BackupItem[] {
  let bytes = 0;
  const page: BackupItem[] = [];
  for (const item of items) {
    bytes += bytesToCopy(item);
    if (page.length > 0 && (page.length >= maxObjects || bytes > PAGE_BYTES)) break;
    page.push(item);
  }
  return page;
}

/** Bytes that copying an item holds in memory: none for one that is held or goes by parts. */
function bytesToCopy(item: BackupItem): number {
  return item.blob || isMultipart(item) ? 0 : item.size ?? PART_BYTES;
}

/** What acting on a page came to. */
export interface ActedPage {
  /** How many of the page's items, from its first on, are done: behind them nothing is passed. */
  readonly taken: number;
  /** Of those, and after an outage also of items behind them. */
  readonly results: BackupResult[];
  readonly counters: Counters;
  /** Why the others have to wait: Storage or the repository is out. */
  readonly outage?: HoldfastError | undefined;
}

/** So many failures one after the other look like an outage: no more is begun. */
const EVIDENT_FAILURES = 8;

/**
 * Acts on a page: copies what must be copied, and counts what was done. The page also ends when its
 * time is up or the budget is spent, and where Storage or the repository is out.
 * @throws HoldfastError `paused_by_limit`: no more may be read.
 */
export async function actOnPage(
  page: readonly BackupItem[],
  context: CopyContext,
  budget: Budget,
): Promise<ActedPage> {
  if (page.some((item) => bytesToCopy(item) > 0)) await budget.ready();
  const requests: CopyRequests = { storage: 0, s3: 0 };
  const timeIsUp = pageClock(context.clock);
  let failures = 0;
  const enough = () => failures >= EVIDENT_FAILURES || timeIsUp() || budget.exhausted();
  const cost = (item: BackupItem) => [item.blob ? 0 : 1, bytesToCopy(item)] as const;
  const acted = await mapConcurrent(
    page,
    {
      items: () => budget.rateLimiter.concurrency.limit(),
      weight: budget.bytesInFlight,
      waitForRate: () => budget.rateLimiter.waitForRate(enough),
      enough: (next) => enough() || !budget.canAfford(...cost(next)),
    },
    bytesToCopy,
    async (item) => {
      budget.charge(...cost(item));
      const outcome = await copyOrRecord(item, context, requests);
      failures = outcome instanceof HoldfastError || outcome?.possibleOutage ? failures + 1 : 0;
      return outcome;
    },
  );
  return await sortOutcomes(acted, context, requests);
}

/** Sorts out what waits for the end of an outage. */
async function sortOutcomes(
  acted: readonly (CopyOutcome | HoldfastError | undefined)[],
  context: CopyContext,
  requests: CopyRequests,
): Promise<ActedPage> {
  const outcomes = acted.filter((outcome): outcome is CopyOutcome =>
    outcome !== undefined && !(outcome instanceof HoldfastError)
  );
  const outage = acted.find((outcome) => outcome instanceof HoldfastError) ??
    await detectOutage(
      outcomes.filter((outcome): outcome is FailedCopy => outcome.failure !== undefined),
      outcomes.filter(({ stored }) => stored !== undefined && stored.size > 0),
      context,
    );
  const waits = (outcome: CopyOutcome | HoldfastError | undefined) =>
    outcome instanceof HoldfastError ||
    (outage !== undefined && outcome?.possibleOutage !== undefined);
  const first = acted.findIndex(waits);
  const results = outcomes.filter((outcome) => !waits(outcome))
    .map(({ possibleOutage: _, ...result }) => result);
  return {
    taken: first === -1 ? acted.length : first,
    results,
    counters: count(results, requests),
    outage,
  };
}

type FailedCopy = CopyOutcome & { readonly failure: ObjectFailure };

/** A page of the one object that killed too many workers: it is recorded and not touched again. */
export function recordPoisonObject(item: BackupItem): ActedPage {
  const results: BackupResult[] = [{ ...item, failure: POISON_OBJECT }];
  return { taken: 1, results, counters: count(results, { storage: 0, s3: 0 }) };
}

/** What is recorded of an object that kills its workers. */
export const POISON_OBJECT: ObjectFailure = {
  class: "failed",
  code: "poison_object",
  message: "each slice that copied it was ended by the platform before it was done",
};

/** Failures that are not this object's: what they belong to is out. */
const OUTAGES: ReadonlySet<ErrorCode> = new Set(["storage_unreachable", "repository_unreachable"]);

/**
 * Copies one object; what goes wrong with this one alone is recorded and stops nothing. Returns the
 * error instead where the repository is out: what else of the page was copied is not lost.
 */
async function copyOrRecord(
  item: BackupItem,
  context: CopyContext,
  requests: CopyRequests,
): Promise<CopyOutcome | HoldfastError | undefined> {
  try {
    return await copyObject(item, context, requests);
  } catch (error) {
    const known = error instanceof HoldfastError;
    if (known && OUTAGES.has(error.code)) return error;
    // A lock or a time-out of the database's is not this object's: the page is tried again.
    if (isOfDatabase(error)) throw error;
    if (known && error.code !== "repository_refused") throw error;
    const code = known ? error.code : "internal";
    logUnexpected(error, { bucket: item.bucket_id, name: item.name });
    return { ...item, failure: { class: "failed", code, message: messageOf(error) } };
  }
}

function count(results: readonly BackupResult[], requests: CopyRequests): Counters {
  const counters: Counters = {
    objects_copied: 0,
    bytes_copied: 0,
    objects_assumed: 0,
    objects_held: 0,
    objects_unavailable: 0,
    objects_failed: 0,
    storage_requests: requests.storage,
    s3_requests: requests.s3,
  };
  const add = (name: string, by = 1) => counters[name] = (counters[name] ?? 0) + by;
  for (const result of results) {
    if (result.stored) {
      add("objects_copied");
      add("bytes_copied", result.stored.size);
    } else if (result.failure) add(`objects_${result.failure.class}`);
    else if (result.blob) add(result.assumed ? "objects_assumed" : "objects_held");
  }
  return counters;
}
