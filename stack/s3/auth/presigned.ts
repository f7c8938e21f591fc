import { S3Error } from "../errors.ts";
import { parseScope, type SignatureClaim } from "./claim.ts";
import { payloadKind, UNSIGNED_PAYLOAD } from "./payload.ts";
import { ALGORITHM, type SignedRequest } from "./signature.ts";

/** Maximum validity of a presigned request: one week. */
const LONGEST_EXPIRY_SECONDS = 7 * 24 * 60 * 60;

/**
 * Parses the signature parameters in a presigned query.
 *
 * @throws {S3Error} AuthorizationQueryParametersError
 */
export function parsePresigned(request: SignedRequest): SignatureClaim {
  const { query } = request;
  const scope = parseScope(query.get("X-Amz-Credential") ?? "");
  const date = query.get("X-Amz-Date");
  const signature = query.get("X-Amz-Signature");
  const signedHeaders = query.get("X-Amz-SignedHeaders");
  const expires = query.get("X-Amz-Expires") ?? "";
  const complete = scope !== undefined && date !== undefined && signature !== undefined &&
    signedHeaders !== undefined && query.get("X-Amz-Algorithm") === ALGORITHM;
  if (!complete) throw new S3Error("AuthorizationQueryParametersError");
  if (request.headers.has("authorization")) {
    throw new S3Error("InvalidArgument", "Only one auth mechanism allowed");
  }
  const expiresSeconds = Number(expires);
  if (!/^\d+$/.test(expires) || expiresSeconds < 1 || expiresSeconds > LONGEST_EXPIRY_SECONDS) {
    throw new S3Error(
      "AuthorizationQueryParametersError",
      `X-Amz-Expires must be a number of seconds from 1 to ${LONGEST_EXPIRY_SECONDS}`,
    );
  }
  const payloadHash = request.headers.get("x-amz-content-sha256") ?? UNSIGNED_PAYLOAD;
  payloadKind(payloadHash);
  return {
    scope,
    date,
    signedHeaders: signedHeaders.split(";"),
    signature,
    payloadHash,
    expiresSeconds,
  };
}
