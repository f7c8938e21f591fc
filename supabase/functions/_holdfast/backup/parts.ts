/** How large objects are cut into parts. */

/** An object up to this size goes by one PUT; above it, by parts of at least this size. */
export const PART_BYTES = 8 * 1024 * 1024;
/** S3 takes no more parts of one upload. */
const MAX_PARTS = 10_000;

/** Size of each part but the last: the least multiple of PART_BYTES that fits 10,000 parts. */
export function partSizeFor(size: number): number {
  return PART_BYTES * Math.max(1, Math.ceil(size / (PART_BYTES * MAX_PARTS)));
}

/** Byte ranges of the parts of an object, in order; numbers from 1. */
export function partRanges(
  size: number,
  partSize: number,
): { number: number; first: number; last: number }[] {
  return Array.from({ length: Math.ceil(size / partSize) }, (_, index) => ({
    number: index + 1,
    first: index * partSize,
    last: Math.min(size, (index + 1) * partSize) - 1,
  }));
}
