import type { SnapshotDocument } from "../../../stack/repository_reader.ts";
import type { Moment } from "./reference_model.ts";

/** The time from a run's start to its seal, in milliseconds since 1970. */
export interface Interval {
  readonly start: number;
  readonly end: number;
}

/** Two readings of this machine's clock may differ by so much because of rounding. */
const ROUNDING_MILLISECONDS = 2;

/** The interval of a snapshot's run. */
export function intervalOf({ started_at, sealed_at }: SnapshotDocument): Interval {
  return { start: Date.parse(started_at), end: Date.parse(sealed_at) };
}

/**
 * Whether a state that lasted from one moment to another may have existed at some time of an
 * interval.
 */
export function mayTouch(interval: Interval, from: Moment, to: Moment | undefined): boolean {
  return from.after - ROUNDING_MILLISECONDS <= interval.end &&
    (to === undefined || to.before + ROUNDING_MILLISECONDS >= interval.start);
}

/** Whether a state certainly existed during the complete interval. */
export function surelyCovers(interval: Interval, from: Moment, to: Moment | undefined): boolean {
  return from.before + ROUNDING_MILLISECONDS < interval.start &&
    (to === undefined || to.after - ROUNDING_MILLISECONDS > interval.end);
}
