import { createHmac, timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";

/** The claims of a token; `exp` and `iat` are in seconds since 1970. */
export type Claims = Record<string, unknown> & { role?: string; sub?: string; exp?: number };

function signatureOf(signed: string, secret: string): Buffer {
  return createHmac("sha256", secret).update(signed).digest();
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decode(part: string): Record<string, unknown> {
  try {
    const value = JSON.parse(Buffer.from(part, "base64url").toString());
    if (typeof value === "object" && value !== null) return value;
  } catch { /* The error below covers it. */ }
  throw new Error("Invalid Compact JWS");
}

/**
 * Creates a JSON web token (HS256) at the time `now`. Without `expiresInSeconds` it never expires.
 */
export function signToken(
  claims: Claims,
  secret: string,
  expiresInSeconds?: number,
  now = Date.now(),
): string {
  const iat = Math.floor(now / 1000);
  const lifetime = expiresInSeconds === undefined ? {} : { exp: iat + expiresInSeconds };
  const signed = `${encode({ alg: "HS256" })}.${encode({ ...claims, iat, ...lifetime })}`;
  return `${signed}.${signatureOf(signed, secret).toString("base64url")}`;
}

/**
 * Verifies a JSON web token (HS256) at a time in milliseconds since 1970, and returns its claims.
 *
 * @throws Error with the message of Storage's JWT library.
 */
export function verifyToken(token: string, secret: string, now: number): Claims {
  const parts = token.split(".");
  if (parts.length !== 3) throw new Error("Invalid Compact JWS");
  const [header, payload, signature] = parts;
  if (decode(header).alg !== "HS256") {
    throw new Error('"alg" (Algorithm) Header Parameter value not allowed');
  }
  const expected = signatureOf(`${header}.${payload}`, secret);
  const given = Buffer.from(signature, "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new Error("signature verification failed");
  }
  const claims: Claims = decode(payload);
  if (typeof claims.exp === "number" && claims.exp <= now / 1000) {
    throw new Error('"exp" claim timestamp check failed');
  }
  return claims;
}
