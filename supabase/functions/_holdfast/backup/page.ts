/** Cutting what a window holds into pages, and acting on one page. */
import {
  type Budget,
  MAX_OBJECTS_IN_FLIGHT,
  PAGE_BYTES,
  PAGE_OBJECTS,
  pageClock,
} from "../engine/budget.ts";
import { mapPool } from "../engine/pool.ts";
import type { Lease } from "../engine/slice.ts";
import { HoldfastError, messageOf } from "../errors.ts";
import { logUnexpected } from "../log.ts";
import { type CopyContext, copyObject, type CopyRequests } from "./copy.ts";
import type { BackupItem, BackupResult, Counters, ObjectFailure } from "./items.ts";
import { goesByParts, PART_BYTES } from "./parts.ts";

/** Objects on a page: one where what kills lanes is to be found out. */
export function pageObjects(lease: Pick<Lease, "careful">): number {
  return lease.careful ? 1 : PAGE_OBJECTS;
}

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
  return item.blob || goesByParts(item) ? 0 : item.size ?? PART_BYTES;
}

/**
 * Acts on a page: copies what must be copied, and counts what was done. `taken` is how many of the
 * page's items that were: the page also ends when its time is up or the budget is spent.
 */
export async function actOnPage(
  page: readonly BackupItem[],
  context: CopyContext,
  budget: Budget,
): Promise<{ taken: number; results: BackupResult[]; counters: Counters }> {
  const requests: CopyRequests = { storage: 0, s3: 0 };
  const timeIsUp = pageClock();
  const acted = await mapPool(
    page,
    {
      items: MAX_OBJECTS_IN_FLIGHT,
      weight: budget.bytesInFlight,
      enough: () => timeIsUp() || budget.spent(),
    },
    bytesToCopy,
    async (item) => {
      const result = await copyOrRecord(item, context, requests);
      budget.charge(item.blob ? 0 : 1, bytesToCopy(item));
      return result;
    },
  );
  const results = acted.filter((result) => result !== undefined);
  return { taken: acted.length, results, counters: count(results, requests) };
}

/** A page of the one object that killed too many lanes: it is recorded and not touched again. */
export function passKiller(
  item: BackupItem,
): { taken: number; results: BackupResult[]; counters: Counters } {
  const results: BackupResult[] = [{ ...item, failure: KILLED }];
  return { taken: 1, results, counters: count(results, { storage: 0, s3: 0 }) };
}

/** What is recorded of an object that kills its lanes. */
export const KILLED: ObjectFailure = {
  class: "failed",
  code: "copying_killed",
  message: "each slice that copied it was ended by the platform before it was done",
};

/** Copies one object; what goes wrong with this one alone is recorded and stops nothing. */
async function copyOrRecord(
  item: BackupItem,
  context: CopyContext,
  requests: CopyRequests,
): Promise<BackupResult | undefined> {
  try {
    return await copyObject(item, context, requests);
  } catch (error) {
    if (error instanceof HoldfastError && error.code !== "repository_refused") throw error;
    const code = error instanceof HoldfastError ? error.code : "internal";
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
