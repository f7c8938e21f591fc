import { AwsV4Signer } from "aws4fetch";
import type { S3Target } from "./target.ts";

/** A response, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly text: string;
  /** The code of an error; undefined if the body is not an error. */
  readonly code: string | undefined;
}

/** The key and time of a signature, if they differ from the suite's key and the current time. */
export interface Signing {
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly region?: string;
  /** `YYYYMMDDTHHMMSSZ` */
  readonly datetime?: string;
  /** Puts the signature into the query. */
  readonly signQuery?: boolean;
}

/** A request to be signed. Its body counts as unsigned unless a header says otherwise. */
export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BodyInit;
  readonly sign?: Signing;
}

/** A signed request, ready to be sent or tampered with. */
export interface SignedRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
}

/** The time at an offset from now, as `YYYYMMDDTHHMMSSZ`. */
export function signingDate(offsetSeconds: number): string {
  const time = new Date(Date.now() + offsetSeconds * 1000);
  return time.toISOString().replace(/[:-]|\.\d{3}/g, "");
}

/** SHA-256 in hex, for `x-amz-content-sha256`. */
export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** Signs a request with aws4fetch. */
export async function signRequest(
  target: S3Target,
  url: URL,
  options: RequestOptions,
): Promise<SignedRequest> {
  const signer = new AwsV4Signer({
    method: options.method ?? "GET",
    url: url.href,
    headers: { ...options.headers },
    accessKeyId: target.accessKeyId,
    secretAccessKey: target.secretAccessKey,
    region: target.region,
    service: "s3",
    ...options.sign,
  });
  const signed = await signer.sign();
  return { method: signed.method, url: signed.url, headers: signed.headers };
}

/** Sends a request unchanged, once, and reads the complete response. */
export async function send(request: SignedRequest, body?: BodyInit): Promise<Answer> {
  const { method, url, headers } = request;
  const response = await fetch(url, { method, headers, body, redirect: "manual" });
  const bytes = await response.bytes();
  const text = new TextDecoder().decode(bytes);
  const code = /<Error>.*?<Code>([^<]*)<\/Code>/s.exec(text)?.[1];
  return { status: response.status, headers: response.headers, bytes, text, code };
}
