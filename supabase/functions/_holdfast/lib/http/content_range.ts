/** Which bytes of which object an answer to a ranged GET says it holds. */

/** What a content-range header says. */
export interface ContentRange {
  /** Both ends inclusive. */
  readonly first: number;
  readonly last: number;
  /** Bytes of the whole object. */
  readonly total: number;
}

/** The content range of an answer; undefined where it states none, or not all of it. */
export function contentRangeOf(headers: Headers): ContentRange | undefined {
  const stated = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get("content-range") ?? "");
  if (!stated) return undefined;
  const [first = NaN, last = NaN, total = NaN] = stated.slice(1).map(Number);
  return { first, last, total };
}
