import { S3Error } from "../errors.ts";

/** The value for a body that the signature does not cover. */
export const UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD";

/** How a body is sent and verified, according to `x-amz-content-sha256`. */
export type PayloadKind =
  | { readonly kind: "sha256"; readonly hex: string }
  | { readonly kind: "unsigned" };

/**
 * Reads the value of `x-amz-content-sha256`.
 *
 * @throws {S3Error} NotImplemented for the aws-chunked encoding, else InvalidArgument
 */
export function payloadKind(value: string): PayloadKind {
  if (value === UNSIGNED_PAYLOAD) return { kind: "unsigned" };
  if (/^[0-9a-f]{64}$/.test(value)) return { kind: "sha256", hex: value };
  if (value.startsWith("STREAMING-")) {
    throw new S3Error("NotImplemented", undefined, { Header: "x-amz-content-sha256" });
  }
  throw new S3Error(
    "InvalidArgument",
    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a valid sha256 value.",
    { ArgumentName: "x-amz-content-sha256", ArgumentValue: value },
  );
}
