import { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";
import type { SignedRequest } from "./http.ts";
import type { S3Target } from "./target.ts";

/** `x-amz-content-sha256` of a body that is signed chunk by chunk. */
export const SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";

const sha256 = (data: string | Uint8Array) => createHash("sha256").update(data).digest("hex");

/**
 * Writes chunks in the encoding aws-chunked, each signed over the one before and the first over the
 * request's headers. An empty chunk ends the body.
 */
export function encodeSignedChunks(
  target: S3Target,
  request: SignedRequest,
  chunks: readonly Uint8Array[],
): Buffer<ArrayBuffer> {
  const date = request.headers.get("x-amz-date") ?? "";
  const scope = [date.slice(0, 8), target.region, "s3", "aws4_request"];
  const hmac = (key: string | Uint8Array, text: string) =>
    createHmac("sha256", key).update(text).digest();
  const key = scope.reduce<Uint8Array | string>(hmac, `AWS4${target.secretAccessKey}`);
  let signature = /Signature=([0-9a-f]+)/.exec(request.headers.get("authorization") ?? "")?.[1];

  const pieces = [...chunks, new Uint8Array(0)].map((chunk) => {
    const lines = ["AWS4-HMAC-SHA256-PAYLOAD", date, scope.join("/"), signature, sha256("")];
    signature = hmac(key, [...lines, sha256(chunk)].join("\n")).toString("hex");
    const head = `${chunk.byteLength.toString(16)};chunk-signature=${signature}\r\n`;
    return Buffer.concat([Buffer.from(head), chunk, Buffer.from("\r\n")]);
  });
  return Buffer.concat(pieces);
}
