import { S3Error } from "../errors.ts";
import type { Operation } from "../router.ts";

/** The operations that put bytes into a bucket, with their names in the error message. */
const PUTTING: Partial<Record<Operation, string>> = {
  PutObject: "Put Object",
  UploadPart: "Put Part",
};

/**
 * Refuses what Amazon refuses in a bucket with a default retention: bytes without a digest header,
 * and deletions of locked objects. The signed SHA-256 does not count as a digest. The stand-in has
 * no versions, so it also refuses deletions that would only add a delete marker.
 *
 * @throws {S3Error} InvalidRequest, AccessDenied
 */
export function honourLock(operation: Operation, headers: ReadonlyMap<string, string>): void {
  if (operation === "DeleteObject" || operation === "DeleteObjects") {
    throw new S3Error("AccessDenied", "Access Denied because object protected by object lock.");
  }
  const what = PUTTING[operation];
  const digests = [...headers.keys()].filter((name) => /^(content-md5|x-amz-checksum-)/.test(name));
  if (what === undefined || digests.length > 0) return;
  throw new S3Error(
    "InvalidRequest",
    `Content-MD5 OR x-amz-checksum- HTTP header is required for ${what} requests with Object Lock ` +
      "parameters",
  );
}
