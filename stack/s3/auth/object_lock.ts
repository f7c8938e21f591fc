import { S3Error } from "../errors.ts";
import type { Operation } from "../router.ts";

/** What puts bytes into a bucket, as the message of the refusal calls it. */
const PUTTING: Partial<Record<Operation, string>> = {
  PutObject: "Put Object",
  UploadPart: "Put Part",
};

/**
 * What Amazon refuses in a bucket with a default retention: bytes without a digest of their own (that
 * their SHA-256 is signed does not count), and to delete what is locked. There are no versions here, so
 * a deletion that would only put a marker is refused, too.
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
