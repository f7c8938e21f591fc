import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";

/** A JWT signed with HMAC-SHA256, as a project's legacy keys and its users' tokens are. */
export function signJwt(claims: Record<string, unknown>, secret: string): string {
  const header = encode({ alg: "HS256", typ: "JWT" });
  const payload = encode(claims);
  const signature = createHmac("sha256", secret).update(`${header}.${payload}`);
  return `${header}.${payload}.${signature.digest("base64url")}`;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
