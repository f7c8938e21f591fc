import { S3Error } from "./errors.ts";

/** A range of an object's bytes: `start` is inclusive, `end` is exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Parses a Range header. The result is undefined for no header, for several ranges, and for a
 * syntax that S3 ignores.
 *
 * @throws {S3Error} InvalidRange if the object has no such bytes
 */
export function parseRange(header: string | undefined, bytes: number): ByteRange | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "") ?? [];
  if (first === undefined || (first === "" && last === "")) return undefined;
  const start = first === "" ? Math.max(bytes - Number(last), 0) : Number(first);
  const end = first === "" || last === "" ? bytes : Math.min(Number(last) + 1, bytes);
  if (first !== "" && last !== "" && Number(last) < Number(first)) return undefined;
  if (start >= bytes || (first === "" && Number(last) === 0)) {
    throw new S3Error("InvalidRange", undefined, {
      ActualObjectSize: bytes,
      RangeRequested: header ?? "",
    });
  }
  return { start, end };
}

/**
 * Parses `x-amz-copy-source-range`. The range must be inside the source.
 *
 * @throws {S3Error} InvalidArgument, InvalidRange
 */
export function parseCopyRange(header: string | undefined, bytes: number): ByteRange {
  if (header === undefined) return { start: 0, end: bytes };
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(header) ?? [];
  if (first === undefined || Number(last) < Number(first)) {
    throw new S3Error(
      "InvalidArgument",
      "The x-amz-copy-source-range value must be of the form bytes=first-last where first and " +
        "last are the zero-based offsets of the first and last bytes to copy",
    );
  }
  if (Number(last) >= bytes) {
    throw new S3Error("InvalidRange", undefined, { RangeRequested: header });
  }
  return { start: Number(first), end: Number(last) + 1 };
}
