/** A part of a body: `start` and `length` in bytes. */
export interface ByteRange {
  readonly start: number;
  readonly length: number;
}

/**
 * Parses a Range header for `size` bytes as S3 does: `undefined` for all bytes (no header, or
 * not a single range), `unsatisfiable` if no byte of the range exists.
 */
export function parseRange(
  header: string | null,
  size: number,
): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  if (match[1] === "") {
    const length = Math.min(Number(match[2]), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, length };
  }
  const start = Number(match[1]);
  const end = match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== "" && Number(match[2]) < start) return undefined;
  return start >= size ? "unsatisfiable" : { start, length: end - start + 1 };
}

/** The value of a 206's content-range header. */
export function contentRange({ start, length }: ByteRange, size: number): string {
  return `bytes ${start}-${start + length - 1}/${size}`;
}
