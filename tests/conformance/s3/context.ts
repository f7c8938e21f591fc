import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from "@aws-sdk/client-s3";
import { type Answer, type RequestOptions, send, type SignedRequest, signRequest } from "./http.ts";
import { type ServerBehaviour, SERVERS } from "./servers.ts";
import { type S3Target, target } from "./target.ts";

/**
 * Defines a test that gets a server: the stand-in, or the one that the environment names. On both
 * it may leave objects behind.
 */
export function s3Test(name: string, run: (s3: S3Context) => Promise<void>): void {
  Deno.test(`S3: ${name}`, async () => {
    await using context = new S3Context(target);
    await run(context);
  });
}

/** A server under test, with a key prefix for one test. */
export class S3Context implements AsyncDisposable {
  readonly behaviour: ServerBehaviour;
  readonly client: S3Client;
  readonly #prefix = `holdfast-conformance-${crypto.randomUUID()}/`;

  constructor(readonly target: S3Target) {
    this.behaviour = SERVERS[target.name];
    this.client = createClient(target);
  }

  get bucket(): string {
    return this.target.bucket;
  }

  /** A key of this test. */
  key(name: string): string {
    return `${this.#prefix}${name}`;
  }

  /** The URL of a key, or of the bucket if the key is "", with a query. */
  url(key: string, query: Readonly<Record<string, string>> = {}): URL {
    const { endpoint, bucket, forcePathStyle } = this.target;
    const url = new URL(endpoint);
    if (forcePathStyle) url.pathname = `/${bucket}/${encodeKey(key)}`;
    else {
      url.host = `${bucket}.${url.host}`;
      url.pathname = `/${encodeKey(key)}`;
    }
    const pairs = Object.entries(query).map((pair) => pair.map(encodeURIComponent).join("="));
    url.search = pairs.join("&");
    return url;
  }

  /** A signed request that is not sent yet. */
  sign(url: URL, options: RequestOptions = {}): Promise<SignedRequest> {
    return signRequest(this.target, url, options);
  }

  /** Sends a signed request, once. */
  async request(url: URL, options: RequestOptions = {}): Promise<Answer> {
    return await send(await this.sign(url, options), options.body);
  }

  /** Uploads an object of this test and returns its key. */
  async put(
    name: string,
    body: string | Uint8Array<ArrayBuffer> = "",
    headers: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const key = this.key(name);
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    const answer = await this.request(this.url(key), { method: "PUT", body: bytes, headers });
    if (answer.status !== 200) throw new Error(`PUT ${key}: ${answer.status} ${answer.text}`);
    return key;
  }

  /** The bytes at a key; undefined if there is no object. */
  async read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const answer = await this.request(this.url(key));
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw new Error(`GET ${key}: ${answer.status} ${answer.text}`);
    return answer.bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.target.name !== "standin") await this.#cleanUp();
    } finally {
      this.client.destroy();
    }
  }

  async #cleanUp(): Promise<void> {
    const { client, bucket: Bucket } = this;
    const place = { Bucket, Prefix: this.#prefix };
    let truncated = true;
    while (truncated) {
      const page = await client.send(new ListObjectsV2Command(place));
      await this.#deleteAll((page.Contents ?? []).map(({ Key = "" }) => Key));
      truncated = page.IsTruncated ?? false;
    }
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand(place));
    for (const { Key, UploadId } of Uploads) {
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    }
  }

  async #deleteAll(keys: readonly string[]): Promise<void> {
    const { client, bucket: Bucket } = this;
    // XML cannot carry control characters.
    const inXml = (key: string) => !/\p{Cc}/u.test(key);
    const Objects = keys.filter(inXml).map((Key) => ({ Key }));
    if (Objects.length > 0) {
      await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    }
    for (const Key of keys) {
      if (!inXml(Key)) await client.send(new DeleteObjectCommand({ Bucket, Key }));
    }
  }
}

/** A client with Holdfast's settings: the defaults fail or stall on Edge Runtime's Deno. */
function createClient(target: S3Target): S3Client {
  const { endpoint, region, forcePathStyle, accessKeyId, secretAccessKey } = target;
  return new S3Client({
    endpoint,
    region,
    forcePathStyle,
    credentials: { accessKeyId, secretAccessKey },
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    expectContinueHeader: false,
    maxAttempts: 1,
  });
}

/** A key in a URL path: every segment percent-encoded. */
export function encodeKey(key: string): string {
  return encodeURIComponent(key).replaceAll("%2F", "/").replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
