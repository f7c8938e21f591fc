import { CHECKSUM_ALGORITHM } from "../body/checksums.ts";
import { S3Error } from "../errors.ts";
import type { StoredUpload } from "../store/types.ts";
import type { QueryParameters } from "../uri.ts";

/** Highest part number. */
export const LAST_PART = 10_000;

/** Minimum size of every part except the last. It is checked when the upload is completed. */
export const SMALLEST_PART_BYTES = 5 * 1024 ** 2;

/** @throws {S3Error} InvalidArgument */
export function partNumber(query: QueryParameters): number {
  const text = query.get("partNumber") ?? "";
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= LAST_PART) return number;
  throw new S3Error(
    "InvalidArgument",
    `Part number must be an integer between 1 and ${LAST_PART}, inclusive`,
    { ArgumentName: "partNumber", ArgumentValue: text },
  );
}

/**
 * @throws {S3Error} InvalidRequest if a part lacks the upload's checksum, or has an unexpected one
 */
export function checkPart(upload: StoredUpload, checksum: string | undefined): void {
  if (upload.withChecksums === (checksum !== undefined)) return;
  const name = (present: boolean) => present ? CHECKSUM_ALGORITHM.toLowerCase() : "null";
  throw new S3Error(
    "InvalidRequest",
    `Checksum Type mismatch occurred, expected checksum Type: ${name(upload.withChecksums)}, ` +
      `actual checksum Type: ${name(checksum !== undefined)}`,
  );
}
