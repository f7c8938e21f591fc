/** Processes items concurrently, within limits of number and weight. */
import type { Semaphore } from "./semaphore.ts";

/** Limits of {@link mapConcurrent}. */
export interface ConcurrencyLimits<Item> {
  /** Most items at once. A function is called again before each item. */
  readonly items: number | (() => number);
  /** Limits the total weight of the items, with all other holders; absent: no limit. */
  readonly weight?: Semaphore;
  /** Awaited before each item except the first. */
  readonly waitForRate?: () => Promise<void>;
  /** Called before each item except the first. If it returns true, no further item is started. */
  readonly enough?: (next: Item) => boolean;
}

/**
 * Maps items concurrently and starts them in order. An error stops the start of further items. It is
 * thrown after the items in progress have ended, so that no work continues unobserved.
 *
 * @param weigh weight of an item in the semaphore `limits.weight`
 * @param act processes one item
 * @returns the results in the items' order: of all items, or of those started before `enough`
 * @throws the first error of `act`
 */
export async function mapConcurrent<Item, Result>(
  items: readonly Item[],
  limits: ConcurrencyLimits<Item>,
  weigh: (item: Item) => number,
  act: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const inProgress = new Set<Promise<void>>();
  const errors: unknown[] = [];
  const atOnce = () => typeof limits.items === "number" ? limits.items : limits.items();
  for (const [index, item] of items.entries()) {
    while (inProgress.size >= atOnce()) await Promise.race(inProgress);
    if (index > 0 && limits.waitForRate) await limits.waitForRate();
    const leave = limits.weight && await limits.weight.enter(weigh(item));
    if (errors.length > 0 || (index > 0 && limits.enough?.(item))) {
      leave?.();
      break;
    }
    const task: Promise<void> = act(item)
      .then((result) => {
        results[index] = result;
      }, (error) => {
        errors.push(error);
      })
      .finally(() => {
        leave?.();
        inProgress.delete(task);
      });
    inProgress.add(task);
  }
  await Promise.all(inProgress);
  if (errors.length > 0) throw errors[0];
  return results;
}
