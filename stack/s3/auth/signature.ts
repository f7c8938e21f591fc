import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";
import { encodePath, encodeUri, type QueryParameters } from "../uri.ts";

/** The only algorithm that S3 takes in every region. */
export const ALGORITHM = "AWS4-HMAC-SHA256";

/** The end of every credential scope. */
export const SCOPE_END = "aws4_request";

/** Whom a signature is of, and for which day, region and service it holds. */
export interface CredentialScope {
  readonly accessKeyId: string;
  /** `YYYYMMDD` */
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

/** What of a request a signature covers. */
export interface SignedRequest {
  readonly method: string;
  /** The path, decoded: both sides encode it anew, so it does not matter how it was sent. */
  readonly path: string;
  readonly query: QueryParameters;
  readonly headers: ReadonlyMap<string, string>;
}

/** The scope as it stands in the string to sign. */
export function scopeText(scope: CredentialScope): string {
  return `${scope.date}/${scope.region}/${scope.service}/${SCOPE_END}`;
}

/**
 * The canonical request of Signature Version 4, in S3's variant: the path is encoded once and
 * keeps its empty and dot segments.
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

/** What is signed in place of a canonical request. `date` is `YYYYMMDDTHHMMSSZ`. */
export function stringToSign(date: string, scope: CredentialScope, canonical: string): string {
  // Header values arrive as one character a byte: hashing them so covers the bytes that were sent.
  const digest = createHash("sha256").update(canonical, "latin1").digest("hex");
  return [ALGORITHM, date, scopeText(scope), digest].join("\n");
}

/** Derived keys hold for a day, so few are made; kept because each takes four HMACs. */
const derivedKeys = new Map<string, Buffer>();
const KEPT_KEYS = 100;

/** The key that signs within a scope. */
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

/** Compares two signatures in a time that does not tell how much of them is equal. */
export function equalSignatures(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
