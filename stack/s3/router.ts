import type { QueryParameters } from "./uri.ts";
import { S3Error } from "./errors.ts";

/** The S3 operations that the stand-in implements, by Amazon's names. */
export type Operation =
  | "ListBuckets"
  | "CreateBucket"
  | "DeleteBucket"
  | "HeadBucket"
  | "GetBucketVersioning"
  | "ListObjects"
  | "ListObjectsV2"
  | "ListMultipartUploads"
  | "DeleteObjects"
  | "PutObject"
  | "CopyObject"
  | "GetObject"
  | "HeadObject"
  | "DeleteObject"
  | "CreateMultipartUpload"
  | "UploadPart"
  | "UploadPartCopy"
  | "CompleteMultipartUpload"
  | "AbortMultipartUpload"
  | "ListParts";

/** The fields of a request that determine its operation. */
export interface RoutedRequest {
  readonly method: string;
  /** "" for the service itself. */
  readonly bucket: string;
  /** "" for the bucket itself. */
  readonly key: string;
  readonly query: QueryParameters;
  readonly headers: ReadonlyMap<string, string>;
}

/** S3's sub-resources that the stand-in refuses: ignoring one would run a different operation. */
const MISSING_SUBRESOURCES = [
  ...["accelerate", "acl", "analytics", "attributes", "cors", "encryption", "intelligent-tiering"],
  ...[
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
  ],
  ...["ownershipControls", "partNumber", "policy", "policyStatus", "publicAccessBlock"],
  ...["replication", "requestPayment", "restore", "retention", "select", "session", "tagging"],
  ...["torrent", "versionId", "versions", "website"],
];

/**
 * Determines the operation of a request.
 *
 * @throws {S3Error} NotImplemented if the stand-in lacks the S3 operation, MethodNotAllowed
 */
export function routeRequest(request: RoutedRequest): Operation {
  const operation = request.bucket === ""
    ? serviceOperation(request)
    : request.key === ""
    ? bucketOperation(request)
    : objectOperation(request);
  const missing = MISSING_SUBRESOURCES.find((name) => request.query.has(name));
  const isPart = operation === "UploadPart" || operation === "UploadPartCopy";
  if (missing !== undefined && !(missing === "partNumber" && isPart)) {
    throw new S3Error("NotImplemented", undefined, { Subresource: missing });
  }
  if (operation === undefined) throw new S3Error("MethodNotAllowed");
  return operation;
}

function serviceOperation(request: RoutedRequest): Operation | undefined {
  return request.method === "GET" ? "ListBuckets" : undefined;
}

function bucketOperation({ method, query }: RoutedRequest): Operation | undefined {
  const special = ["delete", "uploads", "versioning"].find((name) => query.has(name));
  switch (special === undefined ? method : `${method} ${special}`) {
    case "GET":
      return query.get("list-type") === "2" ? "ListObjectsV2" : "ListObjects";
    case "HEAD":
      return "HeadBucket";
    case "PUT":
      return "CreateBucket";
    case "DELETE":
      return "DeleteBucket";
    case "GET versioning":
      return "GetBucketVersioning";
    case "GET uploads":
      return "ListMultipartUploads";
    case "POST delete":
      return "DeleteObjects";
    case "PUT versioning":
      throw new S3Error("NotImplemented");
  }
}

function objectOperation({ method, query, headers }: RoutedRequest): Operation | undefined {
  const isCopy = headers.has("x-amz-copy-source");
  const special = ["uploads", "uploadId"].find((name) => query.has(name));
  switch (special === undefined ? method : `${method} ${special}`) {
    case "GET":
      return "GetObject";
    case "HEAD":
      return "HeadObject";
    case "PUT":
      return isCopy ? "CopyObject" : "PutObject";
    case "DELETE":
      return "DeleteObject";
    case "POST uploads":
      return "CreateMultipartUpload";
    case "PUT uploadId":
      return isCopy ? "UploadPartCopy" : "UploadPart";
    case "POST uploadId":
      return "CompleteMultipartUpload";
    case "DELETE uploadId":
      return "AbortMultipartUpload";
    case "GET uploadId":
      return "ListParts";
  }
}
