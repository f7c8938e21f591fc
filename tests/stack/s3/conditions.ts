import { S3Error } from "./errors.ts";
import type { Operation } from "./router.ts";
import type { Precondition } from "./store/bucket.ts";
import type { StoredObject } from "./store/types.ts";
import type { ConditionalWrites } from "./types.ts";

/** Writes that a server may make conditional. */
const CONDITIONAL: readonly Operation[] = [
  "PutObject",
  "CopyObject",
  "DeleteObject",
  "CompleteMultipartUpload",
];

/** The headers of a request without the conditions that a lesser server would not look at. */
export function honouredHeaders(
  request: { readonly operation: Operation; readonly headers: Headers },
  honoured: ConditionalWrites,
): Headers {
  const { operation, headers } = request;
  const ignored = honoured === "none"
    ? CONDITIONAL.includes(operation)
    : honoured === "put" && operation === "CompleteMultipartUpload";
  if (!ignored) return headers;
  return new Map([...headers].filter(([name]) => name !== "if-match" && name !== "if-none-match"));
}

type Headers = ReadonlyMap<string, string>;

/** Names of the headers that hold the four conditions, which copies call otherwise. */
const READ_CONDITIONS = {
  ifMatch: "if-match",
  ifNoneMatch: "if-none-match",
  ifModifiedSince: "if-modified-since",
  ifUnmodifiedSince: "if-unmodified-since",
};

const COPY_CONDITIONS: typeof READ_CONDITIONS = {
  ifMatch: "x-amz-copy-source-if-match",
  ifNoneMatch: "x-amz-copy-source-if-none-match",
  ifModifiedSince: "x-amz-copy-source-if-modified-since",
  ifUnmodifiedSince: "x-amz-copy-source-if-unmodified-since",
};

/** @throws {S3Error} PreconditionFailed, NotModified */
export function checkReadConditions(headers: Headers, object: StoredObject): void {
  const failed = failedCondition(headers, object, READ_CONDITIONS);
  if (failed === undefined) return;
  const notModified = failed === "if-none-match" || failed === "if-modified-since";
  throw new S3Error(notModified ? "NotModified" : "PreconditionFailed", undefined, {
    Condition: failed,
  });
}

/** @throws {S3Error} PreconditionFailed */
export function checkCopyConditions(headers: Headers, source: StoredObject): void {
  const failed = failedCondition(headers, source, COPY_CONDITIONS);
  if (failed === undefined) return;
  throw new S3Error("PreconditionFailed", undefined, { Condition: failed });
}

/** The name of the first condition that does not hold; tags go before times (RFC 9110, 13.2.2). */
function failedCondition(
  headers: Headers,
  object: StoredObject,
  names: typeof READ_CONDITIONS,
): string | undefined {
  const ifMatch = headers.get(names.ifMatch);
  const unmodifiedSince = parseTime(headers.get(names.ifUnmodifiedSince));
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, object)) return names.ifMatch;
  } else if (unmodifiedSince !== undefined && object.modified > unmodifiedSince) {
    return names.ifUnmodifiedSince;
  }
  const ifNoneMatch = headers.get(names.ifNoneMatch);
  const modifiedSince = parseTime(headers.get(names.ifModifiedSince));
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, object)) return names.ifNoneMatch;
  } else if (modifiedSince !== undefined && object.modified <= modifiedSince) {
    return names.ifModifiedSince;
  }
}

/**
 * What a write's headers demand of the object at its key.
 *
 * @throws {S3Error} NotImplemented for `If-None-Match` other than `*`, as S3
 */
export function writePrecondition(headers: Headers): Precondition {
  const ifNoneMatch = headers.get("if-none-match");
  const ifMatch = headers.get("if-match");
  if (ifNoneMatch !== undefined && (ifNoneMatch !== "*" || ifMatch !== undefined)) {
    throw new S3Error("NotImplemented", undefined, { Header: "If-None-Match" });
  }
  return (existing) => {
    if (ifNoneMatch !== undefined && existing !== undefined) {
      throw new S3Error("PreconditionFailed", undefined, { Condition: "If-None-Match" });
    }
    if (ifMatch === undefined) return;
    if (existing === undefined) throw new S3Error("NoSuchKey");
    if (!matches(ifMatch, existing)) {
      throw new S3Error("PreconditionFailed", undefined, { Condition: "If-Match" });
    }
  };
}

function matches(header: string, object: StoredObject): boolean {
  return header.split(",").map((tag) => tag.trim()).some((tag) =>
    tag === "*" || tag === `"${object.etag}"` || tag === object.etag
  );
}

/** Milliseconds since 1970; undefined for what is no date, which HTTP says to ignore. */
function parseTime(header: string | undefined): number | undefined {
  const time = header === undefined ? NaN : Date.parse(header);
  return Number.isNaN(time) ? undefined : time;
}
