import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";
import { encodePath, encodeUri, type QueryParameters } from "../uri.ts";

/** The only signature algorithm that S3 accepts in every region. */
export const ALGORITHM = "AWS4-HMAC-SHA256";

/** The end of every credential scope. */
export const SCOPE_END = "aws4_request";

/** The scope of a signature: access key, day, region and service. */
export interface CredentialScope {
  readonly accessKeyId: string;
  /** `YYYYMMDD` */
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

/** The parts of a request that a signature covers. */
export interface SignedRequest {
  readonly method: string;
  /** The decoded path. Both sides encode it again, so the sent encoding does not matter. */
  readonly path: string;
  readonly query: QueryParameters;
  readonly headers: ReadonlyMap<string, string>;
}

/** The scope as text for the string to sign. */
export function scopeText(scope: CredentialScope): string {
  return `${scope.date}/${scope.region}/${scope.service}/${SCOPE_END}`;
}

/**
 * The canonical request of Signature Version 4 in S3's variant: the path is encoded once, and empty
 * and dot segments stay.
 */
export function canonicalRequest(
  request: SignedRequest,
  signedHeaders: readonly string[],
  payloadHash: string,
): string {
  const query = request.query.pairs
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => [encodeUri(name), encodeUri(value)])
    .sort(([a, x], [b, y]) => a < b || (a === b && x < y) ? -1 : 1)
    .map((pair) => pair.join("="));
  const headers = signedHeaders.map((name) => {
    const value = (request.headers.get(name) ?? "").trim().replace(/ {2,}/g, " ");
    return `${name}:${value}\n`;
  });
  return [
    request.method,
    encodePath(request.path),
    query.join("&"),
    headers.join(""),
    signedHeaders.join(";"),
    payloadHash,
  ].join("\n");
}

/** The string to sign for a canonical request. `date` is `YYYYMMDDTHHMMSSZ`. */
export function stringToSign(date: string, scope: CredentialScope, canonical: string): string {
  // Header values have one character for each byte, so latin1 hashes the sent bytes.
  const digest = createHash("sha256").update(canonical, "latin1").digest("hex");
  return [ALGORITHM, date, scopeText(scope), digest].join("\n");
}

/**
 * Cache of derived keys, because each needs four HMACs. It stays small: a key is valid for a day.
 */
const derivedKeys = new Map<string, Buffer>();
const KEPT_KEYS = 100;

/** The signing key for a scope. */
export function signingKey(secretAccessKey: string, scope: CredentialScope): Buffer {
  const cacheKey = `${scopeText(scope)}\n${secretAccessKey}`;
  const known = derivedKeys.get(cacheKey);
  if (known !== undefined) return known;
  let key: Buffer = Buffer.from(`AWS4${secretAccessKey}`);
  for (const part of [scope.date, scope.region, scope.service, SCOPE_END]) key = hmac(key, part);
  if (derivedKeys.size >= KEPT_KEYS) derivedKeys.clear();
  derivedKeys.set(cacheKey, key);
  return key;
}

/** The signature of a string, in hex. */
export function sign(key: Buffer, text: string): string {
  return hmac(key, text).toString("hex");
}

/** Compares two signatures in constant time. */
export function equalSignatures(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
