import { createHash, type Hash } from "node:crypto";
import { payloadKind } from "../auth/payload.ts";
import { S3Error } from "../errors.ts";
import type { S3Request } from "../request.ts";
import { CHECKSUM_ALGORITHM, Crc32, decodeBase64, statedChecksum } from "./checksums.ts";

/** Maximum size of the body of one PutObject or UploadPart. */
export const PUT_BYTES = 5 * 1024 ** 3;

/** Maximum size of a request's XML. It is enough for 10,000 parts with checksums. */
const DOCUMENT_BYTES = 8 * 1024 ** 2;

/** A complete body that matches its headers. */
export interface ReceivedBody {
  readonly bytes: number;
  readonly md5: Uint8Array;
  /** The CRC-32 in its headers, in base64. */
  readonly checksum?: string;
}

/** A consumer of the arriving bytes. */
export interface Sink {
  write(chunk: Uint8Array): Promise<void>;
}

/**
 * Reads a request's body into `sink` and verifies it against its headers.
 *
 * @throws {S3Error} MissingContentLength, EntityTooLarge, IncompleteBody, InvalidDigest, BadDigest,
 *   XAmzContentSHA256Mismatch, InvalidRequest
 * @throws {ConnectionLostError}
 */
export async function receiveBody(
  request: S3Request,
  sink: Sink,
  maxBytes = PUT_BYTES,
): Promise<ReceivedBody> {
  const payload = payloadKind(request.authentication.payloadHash);
  const bytes = contentLength(request);
  if (bytes > maxBytes) {
    throw new S3Error("EntityTooLarge", undefined, {
      ProposedSize: bytes,
      MaxSizeAllowed: maxBytes,
    });
  }
  const digests = new Digests(request, payload.kind === "sha256" ? payload.hex : undefined);
  let received = 0;
  for (let chunk = await request.body.next(); chunk; chunk = await request.body.next()) {
    received += chunk.byteLength;
    digests.update(chunk);
    await sink.write(chunk);
  }
  if (received !== bytes) throw new S3Error("IncompleteBody");
  return { bytes, ...digests.check() };
}

/** Reads an XML body. It throws the errors of `receiveBody`. */
export async function receiveDocument(request: S3Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const sink = { write: (chunk: Uint8Array) => Promise.resolve(void chunks.push(chunk)) };
  const { bytes } = await receiveBody(request, sink, DOCUMENT_BYTES);
  const whole = new Uint8Array(bytes);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}

function contentLength(request: S3Request): number {
  const value = request.headers.get("content-length");
  if (value === undefined) throw new S3Error("MissingContentLength");
  if (!/^\d{1,15}$/.test(value)) throw new S3Error("BadRequest");
  return Number(value);
}

/** Computes the digests in a body's headers, and the MD5 for its ETag. */
class Digests {
  readonly #md5 = createHash("md5");
  readonly #sha256: Hash | undefined;
  readonly #crc32: Crc32 | undefined;
  readonly #statedMd5: Uint8Array | undefined;
  readonly #statedCrc32: string | undefined;

  constructor(request: S3Request, readonly statedSha256: string | undefined) {
    this.#statedMd5 = contentMd5(request.headers);
    this.#statedCrc32 = statedChecksum(request.headers);
    this.#sha256 = statedSha256 === undefined ? undefined : createHash("sha256");
    this.#crc32 = this.#statedCrc32 === undefined ? undefined : new Crc32();
  }

  update(chunk: Uint8Array): void {
    this.#md5.update(chunk);
    this.#sha256?.update(chunk);
    this.#crc32?.update(chunk);
  }

  check(): Omit<ReceivedBody, "bytes"> {
    const sha256 = this.#sha256?.digest("hex");
    if (sha256 !== undefined && sha256 !== this.statedSha256) {
      throw new S3Error("XAmzContentSHA256Mismatch", undefined, {
        ClientComputedContentSHA256: this.statedSha256 ?? "",
        S3ComputedContentSHA256: sha256,
      });
    }
    const md5: Uint8Array = this.#md5.digest();
    if (this.#statedMd5 !== undefined && this.#statedMd5.toHex() !== md5.toHex()) {
      throw new S3Error("BadDigest", undefined, {
        ExpectedDigest: this.#statedMd5.toBase64(),
        CalculatedDigest: md5.toBase64(),
      });
    }
    if (this.#crc32?.digest() !== this.#statedCrc32) {
      throw new S3Error(
        "BadDigest",
        `The ${CHECKSUM_ALGORITHM} you specified did not match the calculated checksum.`,
      );
    }
    return { md5, checksum: this.#statedCrc32 };
  }
}

function contentMd5(headers: ReadonlyMap<string, string>): Uint8Array | undefined {
  const header = headers.get("content-md5");
  if (header === undefined) return undefined;
  const digest = decodeBase64(header);
  if (digest?.byteLength !== 16) throw new S3Error("InvalidDigest");
  return digest;
}
