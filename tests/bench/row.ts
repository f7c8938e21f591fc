/** The rows of the bench and their measures. */
import type { Bench } from "./bench.ts";

/** The target of a value. */
export type Limit = { readonly atMost: number } | { readonly atLeast: number };

/** One measured value, or the reason why it could not be measured. */
export interface Measure {
  readonly name: string;
  /** Absent if it cannot be measured on this machine; `note` says why. */
  readonly value?: number;
  /** The least and the greatest value of several iterations; `value` is their median. */
  readonly spread?: Spread;
  readonly unit: string;
  /** Absent if the value is only a comparison. */
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

/** A row of the table: one promised figure. */
export interface Row {
  /** Its name for `--only`. */
  readonly name: string;
  /** Prepares, measures and removes what it created. */
  measure(bench: Bench): Promise<Measure[]>;
}

/** Whether a value reaches its target; undefined without a value or a target. */
export function reached({ value, target, failed }: Measure): boolean | undefined {
  if (failed) return false;
  if (value === undefined || target === undefined) return undefined;
  return "atMost" in target ? value <= target.atMost : value >= target.atLeast;
}

/** The median of several iterations, with their spread, for a measure. */
export function medianWithSpread(values: readonly number[]): Pick<Measure, "value" | "spread"> {
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
