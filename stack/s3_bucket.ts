import { createHash, createHmac } from "node:crypto";

/** The address of a bucket, and a key that may read it. */
export interface BucketLocation {
  endpoint: string;
  region: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** An object in a listing. */
export interface ListedObject {
  key: string;
  size: number;
}

/** A refusal of the server, with its answer. */
export class S3Refusal extends Error {
  override name = "S3Refusal";

  constructor(readonly status: number, action: string, text: string) {
    super(`${action}: ${status} ${text.slice(0, 300)}`);
  }
}

/**
 * A client of a bucket that uses no code of Holdfast. It signs requests itself (AWS Signature
 * Version 4, path style), so that checks do not depend on the code that wrote the bucket.
 */
export class S3Bucket {
  constructor(readonly place: BucketLocation) {}

  /** Every object whose key starts with the prefix, in the order of the keys' bytes. */
  async list(prefix = ""): Promise<ListedObject[]> {
    const objects: ListedObject[] = [];
    let token: string | undefined;
    do {
      const response = await this.#send("GET", "", {
        "list-type": "2",
        "encoding-type": "url",
        prefix,
        ...(token !== undefined && { "continuation-token": token }),
      });
      const xml = await response.text();
      for (const [, contents] of xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
        objects.push({ key: fromForm(element(contents!, "Key")!), size: sizeOf(contents!) });
      }
      token = element(xml, "NextContinuationToken");
    } while (token !== undefined);
    return objects;
  }

  /** The keys that start with the prefix. */
  async keys(prefix = ""): Promise<string[]> {
    return (await this.list(prefix)).map(({ key }) => key);
  }

  /** An object's bytes; undefined if the object does not exist. */
  async get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const response = await this.#send("GET", key);
      return new Uint8Array(await response.arrayBuffer());
    } catch (error) {
      if (error instanceof S3Refusal && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Puts an object. It replaces an existing one. */
  async put(key: string, body: string | Uint8Array<ArrayBuffer>): Promise<void> {
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    const response = await this.#send("PUT", key, {}, bytes);
    await response.body?.cancel();
  }

  /** Starts a multipart upload and leaves it unfinished. */
  async beginUpload(key: string): Promise<void> {
    const response = await this.#send("POST", key, { uploads: "" });
    await response.body?.cancel();
  }

  /** The key of each unfinished multipart upload. */
  async openUploads(): Promise<string[]> {
    const response = await this.#send("GET", "", { uploads: "" });
    const xml = await response.text();
    return [...xml.matchAll(/<Upload>(.*?)<\/Upload>/gs)].map(([, each]) => element(each!, "Key")!);
  }

  async remove(key: string): Promise<void> {
    const response = await this.#send("DELETE", key);
    await response.body?.cancel();
  }

  /** @throws {S3Refusal} if the answer is not a success */
  async #send(
    method: string,
    key: string,
    query: Record<string, string> = {},
    body: Uint8Array<ArrayBuffer> = new Uint8Array(0),
  ): Promise<Response> {
    const { endpoint, bucket } = this.place;
    const path = `/${bucket}/${key.split("/").map(encode).join("/")}`;
    const canonicalQuery = Object.entries(query)
      .map(([name, value]) => `${encode(name)}=${encode(value)}`).sort().join("&");
    const headers = sign(this.place, { method, path, canonicalQuery, body });
    const response = await fetch(`${endpoint}${path}${canonicalQuery && `?${canonicalQuery}`}`, {
      method,
      headers: { ...headers, "accept-encoding": "identity" },
      ...(method === "PUT" && { body }),
    });
    if (response.ok) return response;
    throw new S3Refusal(response.status, `${method} ${bucket}/${key}`, await response.text());
  }
}

interface Unsigned {
  method: string;
  /** Percent-encoded as AWS signs it. */
  path: string;
  canonicalQuery: string;
  body: Uint8Array;
}

/** The headers of a signed request. */
function sign(place: BucketLocation, request: Unsigned): Record<string, string> {
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = `${time.slice(0, 8)}/${place.region}/s3/aws4_request`;
  const payload = sha256(request.body);
  const { host } = new URL(place.endpoint);
  const canonical = [
    request.method,
    request.path,
    request.canonicalQuery,
    `host:${host}\nx-amz-content-sha256:${payload}\nx-amz-date:${time}\n`,
    "host;x-amz-content-sha256;x-amz-date",
    payload,
  ].join("\n");
  const text = ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)].join("\n");
  let key: string | Uint8Array = `AWS4${place.secretAccessKey}`;
  for (const step of scope.split("/")) key = hmac(key, step);
  return {
    "x-amz-content-sha256": payload,
    "x-amz-date": time,
    authorization: `AWS4-HMAC-SHA256 Credential=${place.accessKeyId}/${scope}, ` +
      "SignedHeaders=host;x-amz-content-sha256;x-amz-date, " +
      `Signature=${createHmac("sha256", key).update(text).digest("hex")}`,
  };
}

function hmac(key: string | Uint8Array, text: string): Uint8Array {
  return createHmac("sha256", key).update(text).digest();
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** Percent-encodes all characters except unreserved ones, as AWS signs them. */
function encode(text: string): string {
  const hex = (character: string) =>
    `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  return encodeURIComponent(text).replace(/[!'()*]/g, hex);
}

/** Reverses `encoding-type=url`, which writes a space as a plus. */
function fromForm(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "));
}

function element(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}

function sizeOf(contents: string): number {
  return Number(element(contents, "Size"));
}
