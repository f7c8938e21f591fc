/**
 * AWS Signature Version 4 for S3. It is synchronous, which takes a tenth of the main thread's CPU of a
 * signer that awaits crypto.subtle for each step. Tests verify it against the examples of AWS.
 */
import { createHash, createHmac, type Hash } from "node:crypto";

/** The credentials and the region of a signature. */
export interface SigningKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

/** The signed parts of a request, exactly as they are sent. */
export interface SignedRequest {
  readonly method: string;
  readonly host: string;
  /** Percent-encoded path, in which only unreserved characters and slashes are not encoded. */
  readonly path: string;
  /** Canonical query: encoded, sorted by name; empty for none. */
  readonly query: string;
  /** Further headers to sign. Names are in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body, hex. */
  readonly payloadSha256: string;
}

/** Signs a request at a time. Returns the headers to add to the request. */
export type Signer = (request: SignedRequest, now: Date) => Record<string, string>;

/** Makes a signer for a key. It caches the signing key of the day. */
export function createSigner(key: SigningKey): Signer {
  let day = "";
  let dayHmac: (text: string) => string;
  return (request, now) => {
    const time = now.toISOString().replace(/[-:]|\.\d{3}/g, "");
    if (time.slice(0, 8) !== day) {
      day = time.slice(0, 8);
      dayHmac = keptHmac(signingKey(key, day));
    }
    const scope = `${day}/${key.region}/s3/aws4_request`;
    const added = { "x-amz-content-sha256": request.payloadSha256, "x-amz-date": time };
    const signed: Record<string, string> = { ...request.headers, ...added, host: request.host };
    const names = Object.keys(signed).sort();
    const signedNames = names.join(";");
    let canonical = `${request.method}\n${request.path}\n${request.query}\n`;
    for (const name of names) canonical += `${name}:${signed[name]}\n`;
    canonical += `\n${signedNames}\n${request.payloadSha256}`;
    const digest = createHash("sha256").update(canonical).digest("hex");
    const signature = dayHmac(`AWS4-HMAC-SHA256\n${time}\n${scope}\n${digest}`);
    return {
      ...added,
      authorization: `AWS4-HMAC-SHA256 Credential=${key.accessKeyId}/${scope},` +
        `SignedHeaders=${signedNames},Signature=${signature}`,
    };
  };
}

/** Block size of SHA-256 in bytes. */
const BLOCK_BYTES = 64;

/**
 * Makes a function that computes the HMAC-SHA-256 (RFC 2104, hex) of texts with one key. createHmac
 * hashes the key for each text, which takes twice as long on Deno 2.1.4.
 */
function keptHmac(key: Uint8Array): (text: string) => string {
  const begun = (pad: number): Hash => {
    const block = new Uint8Array(BLOCK_BYTES).fill(pad);
    key.forEach((byte, index) => block[index]! ^= byte);
    return createHash("sha256").update(block);
  };
  const [inner, outer] = [begun(0x36), begun(0x5c)];
  return (text) => outer.copy().update(inner.copy().update(text).digest()).digest("hex");
}

function signingKey(key: SigningKey, day: string): Uint8Array {
  return [day, key.region, "s3", "aws4_request"].reduce<Uint8Array>(
    (secret, text) => createHmac("sha256", secret).update(text).digest(),
    new TextEncoder().encode(`AWS4${key.secretAccessKey}`),
  );
}

/** Percent-encodes a key as signatures require it: all but unreserved characters and slashes. */
export function encodeKey(key: string): string {
  return encodeURIComponent(key).replace(
    /%2F|[!'()*]/g,
    (found) => found === "%2F" ? "/" : `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Percent-encodes a value of a query as signatures require it: slashes, too. */
export function encodeParameter(value: string): string {
  return encodeKey(value).replaceAll("/", "%2F");
}
