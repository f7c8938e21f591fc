import { S3Error } from "../errors.ts";

/** Says that a body is not covered by the signature. */
export const UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD";

/** How `x-amz-content-sha256` says that a body is sent and checked. */
export type PayloadKind =
  | { readonly kind: "sha256"; readonly hex: string }
  | { readonly kind: "unsigned" }
  /** aws-chunked, with a signature for each chunk or none, with headers behind the body or none. */
  | { readonly kind: "chunked"; readonly signed: boolean; readonly trailer: boolean };

const STREAMS: Record<string, PayloadKind> = {
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": { kind: "chunked", signed: true, trailer: false },
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": { kind: "chunked", signed: true, trailer: true },
  "STREAMING-UNSIGNED-PAYLOAD-TRAILER": { kind: "chunked", signed: false, trailer: true },
};

/** @throws {S3Error} InvalidArgument for what S3 does not know either */
export function payloadKind(value: string): PayloadKind {
  if (value === UNSIGNED_PAYLOAD) return { kind: "unsigned" };
  if (/^[0-9a-f]{64}$/.test(value)) return { kind: "sha256", hex: value };
  const stream = STREAMS[value];
  if (stream !== undefined) return stream;
  throw new S3Error(
    "InvalidArgument",
    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, " +
      "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-UNSIGNED-PAYLOAD-TRAILER or a " +
      "valid sha256 value.",
    { ArgumentName: "x-amz-content-sha256", ArgumentValue: value },
  );
}
