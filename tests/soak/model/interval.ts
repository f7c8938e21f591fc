import type { SnapshotDocument } from "../../e2e/support/repository_reader.ts";
import type { Moment } from "./reference_model.ts";

/** From a run's start to its seal, milliseconds since 1970. */
export interface Interval {
  readonly start: number;
  readonly end: number;
}

/** So much may two readings of this machine's clock differ, by how they are rounded. */
const ROUNDING_MILLISECONDS = 2;

/** The time that a snapshot is of. */
export function intervalOf({ started_at, sealed_at }: SnapshotDocument): Interval {
  return { start: Date.parse(started_at), end: Date.parse(sealed_at) };
}

/** Whether what lasted from one moment to another may have been so at some time of a span. */
export function mayTouch(interval: Interval, from: Moment, to: Moment | undefined): boolean {
  return from.after - ROUNDING_MILLISECONDS <= interval.end &&
    (to === undefined || to.before + ROUNDING_MILLISECONDS >= interval.start);
}

/** Whether it surely was so during all of a span. */
export function surelyCovers(interval: Interval, from: Moment, to: Moment | undefined): boolean {
  return from.before + ROUNDING_MILLISECONDS < interval.start &&
    (to === undefined || to.after - ROUNDING_MILLISECONDS > interval.end);
}
