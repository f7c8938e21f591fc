import { S3Error } from "./errors.ts";
import type { Operation } from "./router.ts";
import type { Precondition } from "./store/bucket.ts";
import type { StoredObject } from "./store/types.ts";
import type { ConditionalWrites } from "./types.ts";

/** Operations that may support conditional writes. */
const CONDITIONAL: readonly Operation[] = [
  "PutObject",
  "CopyObject",
  "CompleteMultipartUpload",
];

/** The headers of a request without the conditions that the simulated server ignores. */
export function honouredHeaders(
  request: { readonly operation: Operation; readonly headers: Headers },
  honoured: ConditionalWrites,
): Headers {
  const { operation, headers } = request;
  const ignored = honoured === "none"
    ? CONDITIONAL.includes(operation)
    : honoured === "put" && operation === "CompleteMultipartUpload";
  if (!ignored) return headers;
  return new Map([...headers].filter(([name]) => name !== "if-none-match"));
}

type Headers = ReadonlyMap<string, string>;

/** @throws {S3Error} PreconditionFailed, NotModified */
export function checkReadConditions(headers: Headers, object: StoredObject): void {
  const ifMatch = headers.get("if-match");
  if (ifMatch !== undefined && !matches(ifMatch, object)) {
    throw new S3Error("PreconditionFailed", undefined, { Condition: "If-Match" });
  }
  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, object)) throw new S3Error("NotModified");
}

/** @throws {S3Error} PreconditionFailed, NotImplemented for a condition other than on the ETag */
export function checkCopyConditions(headers: Headers, source: StoredObject): void {
  const ifMatch = headers.get("x-amz-copy-source-if-match");
  for (const name of headers.keys()) {
    if (!name.startsWith("x-amz-copy-source-if-") || name.endsWith("-if-match")) continue;
    throw new S3Error("NotImplemented", undefined, { Header: name });
  }
  if (ifMatch === undefined || matches(ifMatch, source)) return;
  throw new S3Error("PreconditionFailed", undefined, { Condition: "x-amz-copy-source-If-Match" });
}

/**
 * The precondition in a write's headers for the object at its key.
 *
 * @throws {S3Error} NotImplemented for `If-Match`, and as S3 for `If-None-Match` other than `*`
 */
export function writePrecondition(headers: Headers): Precondition {
  if (headers.has("if-match")) {
    throw new S3Error("NotImplemented", undefined, { Header: "If-Match" });
  }
  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch !== undefined && ifNoneMatch !== "*") {
    throw new S3Error("NotImplemented", undefined, { Header: "If-None-Match" });
  }
  return (existing) => {
    if (ifNoneMatch === undefined || existing === undefined) return;
    throw new S3Error("PreconditionFailed", undefined, { Condition: "If-None-Match" });
  };
}

function matches(header: string, object: StoredObject): boolean {
  return header.split(",").map((tag) => tag.trim()).some((tag) =>
    tag === "*" || tag === `"${object.etag}"` || tag === object.etag
  );
}
