/** How large objects are cut into parts. */

/** An object up to this size goes by one PUT; above it, by parts of at least this size. */
export const PART_BYTES = 8 * 1024 * 1024;
/** S3 takes no more parts of one upload. */
const MAX_PARTS = 10_000;

/** Whether an object is too large for one PUT; one whose row states no size is taken for small. */
export function isMultipart({ size }: { readonly size: number | null }): boolean {
  return size !== null && size > PART_BYTES;
}

/** Size of each part but the last: the least multiple of PART_BYTES that fits 10,000 parts. */
export function partSizeFor(size: number): number {
  return PART_BYTES * Math.max(1, Math.ceil(size / (PART_BYTES * MAX_PARTS)));
}

/** The bytes of one part, both ends inclusive; numbers begin at 1. */
export interface PartRange {
  readonly number: number;
  readonly first: number;
  readonly last: number;
}

/** Byte ranges of the parts of an object, in order. */
export function partRanges(size: number, partSize: number): PartRange[] {
  return Array.from({ length: Math.ceil(size / partSize) }, (_, index) => ({
    number: index + 1,
    first: index * partSize,
    last: Math.min(size, (index + 1) * partSize) - 1,
  }));
}
