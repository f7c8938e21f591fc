/** Parses the Content-Range header of a response to a ranged GET. */

/** A parsed Content-Range header. */
export interface ContentRange {
  /** Offset of the first byte. */
  readonly first: number;
  /** Offset of the last byte, inclusive. */
  readonly last: number;
  /** Size of the complete object in bytes. */
  readonly total: number;
}

/** Reads the content range of a response; undefined if the header is missing or incomplete. */
export function contentRangeOf(headers: Headers): ContentRange | undefined {
  const stated = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get("content-range") ?? "");
  if (!stated) return undefined;
  const [first = NaN, last = NaN, total = NaN] = stated.slice(1).map(Number);
  return { first, last, total };
}
