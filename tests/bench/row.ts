/** What a row of the bench is, and what it says. */
import type { Bench } from "./bench.ts";

/** What a value is to reach. */
export type Limit = { readonly atMost: number } | { readonly atLeast: number };

/** One value that was measured, or could not be. */
export interface Measure {
  readonly name: string;
  /** Absent where it can't be measured here; `note` says why. */
  readonly value?: number;
  /** Where it was measured in several turns: the least and the greatest; `value` is their median. */
  readonly spread?: Spread;
  readonly unit: string;
  /** Absent where the value is only there to be compared with. */
  readonly target?: Limit;
  readonly note?: string;
  /** The row broke off; `note` says how. */
  readonly failed?: true;
}

/** The least and the greatest of some values. */
export interface Spread {
  readonly least: number;
  readonly greatest: number;
}

/** A row of the table: one thing that was promised. */
export interface Row {
  /** What `--only` calls it. */
  readonly name: string;
  /** Prepares, measures and leaves nothing behind. */
  measure(bench: Bench): Promise<Measure[]>;
}

/** Whether a value is within its target; undefined where there is no value or no target. */
export function reached({ value, target, failed }: Measure): boolean | undefined {
  if (failed) return false;
  if (value === undefined || target === undefined) return undefined;
  return "atMost" in target ? value <= target.atMost : value >= target.atLeast;
}

/** What several turns came to, as a measure tells it: their median, and how far they lie apart. */
export function overTurns(values: readonly number[]): Pick<Measure, "value" | "spread"> {
  const value = median(values);
  if (values.length === 1) return { value };
  return { value, spread: { least: Math.min(...values), greatest: Math.max(...values) } };
}

/** The middle of some values, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle) - 1]) / 2;
}
