/** Cuts the items of a window into pages, and copies the objects of one page. */
import { type Budget, PAGE_BYTES, pageClock } from "../../engine/budget.ts";
import { mapConcurrent } from "../../lib/concurrency/map_concurrent.ts";
import { type ErrorCode, HoldfastError, messageOf } from "../../config/errors.ts";
import { logUnexpected } from "../../observability/log.ts";
import { isOfDatabase } from "../../project/database.ts";
import { type CopyContext, copyObject, type CopyOutcome, type CopyRequests } from "./copy.ts";
import type { BackupItem, BackupResult, Counters, ObjectFailure } from "../../transfer/types.ts";
import { detectOutage } from "../../transfer/detect_outage.ts";
import { isMultipart, PART_BYTES } from "../../transfer/parts.ts";

/**
 * Returns the first items that make one page, limited by number and by bytes to copy.
 *
 * @param maxObjects most items of the page
 * @returns at least one item if there is any
 */
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

/** Bytes in memory while an item is copied; 0 if it is already held or needs a multipart upload. */
function bytesToCopy(item: BackupItem): number {
  return item.blob || isMultipart(item) ? 0 : item.size ?? PART_BYTES;
}

/** The result of copying a page. */
export interface ActedPage {
  /** Number of items from the start of the page that are done. The cursor advances behind them. */
  readonly taken: number;
  /** Results of these items. After an outage, results of later items may follow. */
  readonly results: BackupResult[];
  /** Counters of the results and of the requests. */
  readonly counters: Counters;
  /** The outage of Storage or the repository because of which the other items must wait. */
  readonly outage?: HoldfastError | undefined;
}

/** Consecutive failures that indicate an outage. After them, no further item of the page is started. */
const EVIDENT_FAILURES = 8;

/**
 * Copies the objects of a page that the repository lacks, and counts the results. The page ends early
 * if its time is up, the budget is exhausted, or Storage or the repository has an outage.
 *
 * @throws HoldfastError `paused_by_limit` if the slice may read no more
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

/** Separates results to commit from items that must wait for the end of an outage. */
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

/** Makes the result of a page that skips a poison object and records its failure. */
export function recordPoisonObject(item: BackupItem): ActedPage {
  const results: BackupResult[] = [{ ...item, failure: POISON_OBJECT }];
  return { taken: 1, results, counters: count(results, { storage: 0, s3: 0 }) };
}

/** The failure that is recorded for a poison object. */
export const POISON_OBJECT: ObjectFailure = {
  class: "failed",
  code: "poison_object",
  message: "each slice that copied it was ended by the platform before it was done",
};

/** Failures of a service and not of the object. */
const OUTAGES: ReadonlySet<ErrorCode> = new Set(["storage_unreachable", "repository_unreachable"]);

/**
 * Copies one object. A failure of this object is recorded, so that the page continues. For an outage,
 * the error is returned and not thrown, so that the page's other results are kept.
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
    // A lock or a timeout of the database is not a failure of this object: the page is retried.
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
