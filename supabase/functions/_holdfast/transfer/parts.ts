/** Divides large objects into parts. */

/** Largest object in bytes that is put in one request, and smallest size of the parts of larger ones. */
export const PART_BYTES = 8 * 1024 * 1024;
/** S3's limit of parts of one upload. */
const MAX_PARTS = 10_000;

/** Whether an object needs a multipart upload. An object of unknown size counts as small. */
export function isMultipart({ size }: { readonly size: number | null }): boolean {
  return size !== null && size > PART_BYTES;
}

/**
 * Size of each part except the last: the smallest multiple of PART_BYTES that needs at most 10,000
 * parts.
 *
 * @param size bytes of the object
 */
export function partSizeFor(size: number): number {
  return PART_BYTES * Math.max(1, Math.ceil(size / (PART_BYTES * MAX_PARTS)));
}

/** The byte range of one part. Both ends are inclusive. */
export interface PartRange {
  /** From 1. */
  readonly number: number;
  readonly first: number;
  readonly last: number;
}

/** Computes the byte ranges of an object's parts, in order, from its size and part size in bytes. */
export function partRanges(size: number, partSize: number): PartRange[] {
  return Array.from({ length: Math.ceil(size / partSize) }, (_, index) => ({
    number: index + 1,
    first: index * partSize,
    last: Math.min(size, (index + 1) * partSize) - 1,
  }));
}
