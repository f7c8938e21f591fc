/** Acting on many items at once, within a number and a weight. */
import type { Semaphore } from "./semaphore.ts";

/** How much may be under way. */
export interface ConcurrencyLimits<Item> {
  /** Items at once; a function is asked again before each. */
  readonly items: number | (() => number);
  /** Holds back what is too heavy together with all else that enters it; absent: nothing is. */
  readonly weight?: Semaphore;
  /** Waited for before each item but the first. */
  readonly waitForRate?: () => Promise<void>;
  /** Asked before each item but the first: whether to take no more. */
  readonly enough?: (next: Item) => boolean;
}

/**
 * Maps items in their order, several at once, and returns the results in the items' order: of all
 * of them, or of the first ones that were taken before there was enough. The first error stops the
 * taking of further items and is thrown once those under way have ended, so that nothing goes on
 * behind the caller's back.
 */
export async function mapConcurrent<Item, Result>(
  items: readonly Item[],
  limits: ConcurrencyLimits<Item>,
  weigh: (item: Item) => number,
  act: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const underWay = new Set<Promise<void>>();
  const errors: unknown[] = [];
  const atOnce = () => typeof limits.items === "number" ? limits.items : limits.items();
  for (const [index, item] of items.entries()) {
    while (underWay.size >= atOnce()) await Promise.race(underWay);
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
        underWay.delete(task);
      });
    underWay.add(task);
  }
  await Promise.all(underWay);
  if (errors.length > 0) throw errors[0];
  return results;
}
