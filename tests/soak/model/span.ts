import type { SnapshotDocument } from "../../stack/repository_reader.ts";
import type { Moment } from "./truth.ts";

/** From a run's start to its seal, milliseconds since 1970. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** So much may two readings of this machine's clock differ, by how they are rounded. */
const ROUNDING_MILLISECONDS = 2;

/** The time that a snapshot is of. */
export function spanOf({ started_at, sealed_at }: SnapshotDocument): Span {
  return { start: Date.parse(started_at), end: Date.parse(sealed_at) };
}

/** Whether what lasted from one moment to another may have been so at some time of a span. */
export function mayTouch(span: Span, from: Moment, to: Moment | undefined): boolean {
  return from.after - ROUNDING_MILLISECONDS <= span.end &&
    (to === undefined || to.before + ROUNDING_MILLISECONDS >= span.start);
}

/** Whether it surely was so during all of a span. */
export function surelyCovers(span: Span, from: Moment, to: Moment | undefined): boolean {
  return from.before + ROUNDING_MILLISECONDS < span.start &&
    (to === undefined || to.after - ROUNDING_MILLISECONDS > span.end);
}
