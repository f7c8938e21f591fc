/** The stages that scan a bucket's range and that handle deleted names. */
import { type Budget, pageObjects } from "../../engine/budget.ts";
import type { Lease, SliceContext, Stage } from "../../engine/types.ts";
import { firstIsPoisonObject } from "../../engine/invocation.ts";
import type { CopyContext } from "./copy.ts";
import type { BackupItem, BackupResult, Counters } from "../../transfer/types.ts";
import { actOnPage, cutPage, recordPoisonObject } from "./batch.ts";

/** Most differences that one comparison returns. They are copied page by page. */
const MAX_ITEMS = 2_000;
/** Most differences in isolation mode, in which the list itself must need little memory, too. */
const ISOLATION_ITEMS = 100;
/** Rows that one comparison reads. */
const WINDOW_ROWS = 50_000;
/** Rows that one comparison reads if nearly all differ, as in a first backup. */
const CHANGED_WINDOW_ROWS = 2 * MAX_ITEMS;
/** Names that one statement closes. */
const CLOSE_ROWS = 10_000;

/** Makes the stage that scans a bucket's range window by window and copies what has changed. */
export function scanStage(outside: CopyContext): Stage {
  return async (lease, context) => {
    const maxItems = lease.isolation_mode ? ISOLATION_ITEMS : MAX_ITEMS;
    let windowRows = WINDOW_ROWS;
    let poisonObject = firstIsPoisonObject(lease);
    while (true) {
      const window = await context.commit<{ items: BackupItem[]; to: string | null }>(
        "backup_page",
        lease,
        { max_items: maxItems, window_rows: windowRows },
      );
      windowRows = window.items.length < maxItems ? WINDOW_ROWS : CHANGED_WINDOW_ROWS;
      if (window.to === null) {
        await context.commit("finish_cursor", lease);
        return "finished";
      }
      if (!await actOnWindow(window.items, window.to, poisonObject, lease, context, outside)) {
        return "more";
      }
      poisonObject = false;
      if (context.budget.exhausted()) return "more";
    }
  };
}

/** Copies and commits the items of a window; false if the budget was exhausted before the end. */
async function actOnWindow(
  items: readonly BackupItem[],
  to: string,
  poisonObject: boolean,
  lease: Lease,
  context: SliceContext,
  outside: CopyContext,
): Promise<boolean> {
  let rest = items;
  while (rest.length > 0) {
    const page = cutPage(rest, pageObjects(lease));
    const { taken, results, counters, outage } = poisonObject && rest === items
      ? recordPoisonObject(items[0]!)
      : await actOnPage(page, outside, context.budget);
    const last = rest[taken - 1];
    rest = rest.slice(taken);
    // Without a result nothing is committed, because a commit counts as progress of the run.
    if (!outage || results.length > 0) {
      await context.commit("backup_commit", lease, {
        results,
        // The last page covers the window to its end, because no difference follows.
        to_name: rest.length === 0 ? to : last?.name,
        done: counters,
      });
    }
    if (outage) throw outage;
    if (rest.length > 0 && context.budget.exhausted()) return false;
  }
  return true;
}

/** Makes the stage that backs up objects whose old name is missing and that have another name now. */
export function missingStage(outside: CopyContext): Stage {
  return async (lease, context) => {
    let maxItems = pageObjects(lease);
    let poisonObject = firstIsPoisonObject(lease);
    while (true) {
      const page = await context.commit<{ items: BackupItem[]; position: unknown }>(
        "missing_page",
        lease,
        { max_items: maxItems },
      );
      if (page.position === null) {
        await context.commit("finish_cursor", lease);
        return "finished";
      }
      if (cutPage(page.items, maxItems).length < page.items.length) {
        // The items are committed together, so fewer are requested until they fit into one page.
        maxItems = Math.ceil(maxItems / 4);
        continue;
      }
      const { results, counters } = poisonObject && page.items.length > 0
        ? recordPoisonObject(page.items[0]!)
        : await actOnAll(page.items, outside, context.budget);
      poisonObject = false;
      await context.commit("missing_commit", lease, {
        results,
        new_position: page.position,
        done: counters,
      });
      if (context.budget.exhausted()) return "more";
    }
  };
}

/**
 * Copies all items of a page, without its time limit.
 *
 * @throws HoldfastError the outage, if there is one; nothing of the page may be committed then
 */
async function actOnAll(
  items: readonly BackupItem[],
  outside: CopyContext,
  budget: Budget,
): Promise<{ results: BackupResult[]; counters: Counters }> {
  const results: BackupResult[] = [];
  const counters: Counters = {};
  for (let rest = items; rest.length > 0;) {
    const acted = await actOnPage(rest, outside, budget);
    if (acted.outage) throw acted.outage;
    rest = rest.slice(acted.taken);
    results.push(...acted.results);
    for (const [name, value] of Object.entries(acted.counters)) {
      counters[name] = (counters[name] ?? 0) + value;
    }
  }
  return { results, counters };
}

/** The stage that closes the catalog's entries of missing names: the object was moved or deleted. */
export const closeStage: Stage = async (lease, context) => {
  while (await context.commit<number>("close_page", lease, { max_items: CLOSE_ROWS }) > 0) {
    if (context.budget.exhausted()) return "more";
  }
  await context.commit("finish_cursor", lease);
  return "finished";
};
