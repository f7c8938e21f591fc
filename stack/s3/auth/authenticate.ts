import { S3Error } from "../errors.ts";
import type { Credential } from "../types.ts";
import {
  canonicalRequest,
  equalSignatures,
  sign,
  type SignedRequest,
  signingKey,
  stringToSign,
} from "./signature.ts";
import type { SignatureClaim } from "./claim.ts";
import { parseAuthorization } from "./header.ts";
import { parsePresigned } from "./presigned.ts";

/** S3 refuses requests whose time differs from its clock by more than this. */
const SKEW_MILLISECONDS = 15 * 60 * 1000;

/** The result of a verified signature. */
export interface Authentication {
  readonly credential: Credential;
  readonly payloadHash: string;
}

/** The server's parameters for verifying signatures. */
export interface Expectations {
  readonly credentials: readonly Credential[];
  readonly region: string;
  /** The server's clock, milliseconds since 1970. */
  readonly now: number;
}

/**
 * Authenticates a request by its Authorization header or its presigned query.
 *
 * @throws {S3Error} AccessDenied without a signature, AuthorizationHeaderMalformed,
 *   AuthorizationQueryParametersError, InvalidAccessKeyId, RequestTimeTooSkewed,
 *   SignatureDoesNotMatch
 */
export function authenticate(request: SignedRequest, expected: Expectations): Authentication {
  const claim = request.query.has("X-Amz-Algorithm")
    ? parsePresigned(request)
    : parseAuthorization(request);
  const credential = expected.credentials.find((known) =>
    known.accessKeyId === claim.scope.accessKeyId
  );
  if (credential === undefined) {
    throw new S3Error("InvalidAccessKeyId", undefined, {
      AWSAccessKeyId: claim.scope.accessKeyId,
    });
  }
  checkScope(claim, expected.region);
  checkTime(claim, expected.now);
  checkSignedHeaders(request, claim);

  const key = signingKey(credential.secretAccessKey, claim.scope);
  const canonical = canonicalRequest(request, claim.signedHeaders, claim.payloadHash);
  const text = stringToSign(claim.date, claim.scope, canonical);
  if (!equalSignatures(sign(key, text), claim.signature)) {
    throw new S3Error("SignatureDoesNotMatch", undefined, {
      AWSAccessKeyId: credential.accessKeyId,
      StringToSign: text,
      SignatureProvided: claim.signature,
      CanonicalRequest: canonical,
    });
  }
  return { credential, payloadHash: claim.payloadHash };
}

function checkScope(claim: SignatureClaim, region: string): void {
  const malformed = claim.expiresSeconds === undefined
    ? "AuthorizationHeaderMalformed"
    : "AuthorizationQueryParametersError";
  if (claim.scope.region !== region) {
    throw new S3Error(
      malformed,
      `The region '${claim.scope.region}' is wrong; expecting '${region}'`,
      { Region: region },
    );
  }
  if (claim.scope.service !== "s3") {
    throw new S3Error(malformed, `The service '${claim.scope.service}' is wrong; expecting 's3'`);
  }
  if (!claim.date.startsWith(claim.scope.date)) {
    throw new S3Error(malformed, `The credential date '${claim.scope.date}' is not the request's`);
  }
}

function checkTime(claim: SignatureClaim, now: number): void {
  const signed = parseDate(claim.date);
  if (signed === undefined) {
    throw new S3Error("AccessDenied", "AWS authentication requires a valid x-amz-date header");
  }
  const age = now - signed;
  if (claim.expiresSeconds !== undefined) {
    if (age > claim.expiresSeconds * 1000) {
      throw new S3Error("AccessDenied", "Request has expired");
    }
    if (age < -SKEW_MILLISECONDS) throw new S3Error("AccessDenied", "Request is not yet valid");
  } else if (Math.abs(age) > SKEW_MILLISECONDS) {
    throw new S3Error("RequestTimeTooSkewed", undefined, {
      RequestTime: claim.date,
      ServerTime: new Date(now).toISOString(),
      MaxAllowedSkewMilliseconds: SKEW_MILLISECONDS,
    });
  }
}

/** Milliseconds since 1970 of `YYYYMMDDTHHMMSSZ`. */
function parseDate(text: string): number | undefined {
  const fields = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)?.slice(1);
  if (fields === undefined) return undefined;
  const [year, month, day, hour, minute, second] = fields.map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** Checks that all headers that affect the request are signed. */
function checkSignedHeaders(request: SignedRequest, claim: SignatureClaim): void {
  const signed = new Set(claim.signedHeaders);
  const unsigned = [...request.headers.keys()].filter((name) =>
    (name === "host" || name.startsWith("x-amz-")) && !signed.has(name)
  );
  if (unsigned.length > 0) {
    throw new S3Error(
      "AccessDenied",
      "There were headers present in the request which were not signed",
      { HeadersNotSigned: unsigned.join(", ") },
    );
  }
}
