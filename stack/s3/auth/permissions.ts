import { S3Error } from "../errors.ts";
import type { Operation } from "../router.ts";
import type { Permissions } from "../types.ts";

/**
 * Operations that the policy in docs/SECURITY.md grants: s3:ListBucket, s3:GetObject, s3:PutObject.
 */
const MINIMAL: ReadonlySet<Operation> = new Set<Operation>([
  "ListObjectsV2",
  "GetObject",
  "HeadObject",
  "CreateMultipartUpload",
  "UploadPart",
]);

const READING: ReadonlySet<Operation> = new Set<Operation>([
  "ListBuckets",
  "HeadBucket",
  "GetBucketVersioning",
  "ListObjects",
  "ListObjectsV2",
  "ListMultipartUploads",
  "ListParts",
  "GetObject",
  "HeadObject",
]);

/** Operations that only prepare an object, or that put one with If-None-Match. */
const APPENDING: ReadonlySet<Operation> = new Set<Operation>([
  "CreateMultipartUpload",
  "UploadPart",
  "UploadPartCopy",
  "AbortMultipartUpload",
]);

/** Operations that put an object. A key with `append` must send them with If-None-Match. */
const PUTTING: ReadonlySet<Operation> = new Set<Operation>([
  "PutObject",
  "CompleteMultipartUpload",
]);

/** @throws {S3Error} AccessDenied */
export function authorize(
  permissions: Permissions,
  operation: Operation,
  headers: ReadonlyMap<string, string>,
): void {
  if (permissions === "all") return;
  const conditional = PUTTING.has(operation) && headers.get("if-none-match") === "*";
  if (permissions === "minimal") {
    if (MINIMAL.has(operation) || conditional) return;
  } else {
    if (READING.has(operation)) return;
    if (permissions === "append" && (APPENDING.has(operation) || conditional)) return;
  }
  throw new S3Error("AccessDenied");
}
