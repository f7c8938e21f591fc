import { payloadKind } from "../auth/payload.ts";
import { S3Error } from "../errors.ts";
import type { S3Request } from "../request.ts";
import {
  type AnnouncedChecksum,
  announcedChecksum,
  type ChecksumAlgorithm,
  createHasher,
  decodeBase64,
  type Hasher,
} from "./checksums.ts";

/** The most that one PutObject or UploadPart may carry. */
export const PUT_BYTES = 5 * 1024 ** 3;

/** The most that a request's XML may take: 10,000 parts with a checksum each fit. */
const DOCUMENT_BYTES = 8 * 1024 ** 2;

/** A body that arrived whole and as announced. */
export interface ReceivedBody {
  readonly bytes: number;
  readonly md5: Uint8Array;
  /** The checksum that came with it in its headers. */
  readonly checksum?: AnnouncedChecksum;
}

/** What takes the bytes as they arrive. */
export interface Sink {
  write(chunk: Uint8Array): Promise<void>;
}

/**
 * Reads a request's body into `sink` and checks it against everything its headers say of it.
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

/** Reads a body of XML. Throws as `receiveBody` does. */
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

/** Every digest that a body must have, and MD5, which its ETag is made of. */
class Digests {
  readonly #expectedMd5: Uint8Array | undefined;
  readonly #announced: AnnouncedChecksum | undefined;
  readonly #hashers = new Map<ChecksumAlgorithm | "MD5", Hasher>();

  constructor(request: S3Request, readonly expectedSha256: string | undefined) {
    this.#expectedMd5 = contentMd5(request.headers);
    this.#announced = announcedChecksum(request.headers);
    const wanted = ["MD5" as const, this.#announced?.algorithm];
    if (expectedSha256 !== undefined) wanted.push("SHA256");
    for (const algorithm of wanted) {
      if (algorithm !== undefined) this.#hashers.set(algorithm, createHasher(algorithm));
    }
  }

  update(chunk: Uint8Array): void {
    for (const hasher of this.#hashers.values()) hasher.update(chunk);
  }

  check(): Omit<ReceivedBody, "bytes"> {
    const digests = new Map([...this.#hashers].map(([name, hasher]) => [name, hasher.digest()]));
    const digest = (name: ChecksumAlgorithm | "MD5") => digests.get(name) ?? new Uint8Array();
    if (this.expectedSha256 !== undefined) {
      const computed = digest("SHA256").toHex();
      if (computed !== this.expectedSha256) {
        throw new S3Error("XAmzContentSHA256Mismatch", undefined, {
          ClientComputedContentSHA256: this.expectedSha256,
          S3ComputedContentSHA256: computed,
        });
      }
    }
    const md5 = digest("MD5");
    if (this.#expectedMd5 !== undefined && this.#expectedMd5.toHex() !== md5.toHex()) {
      throw new S3Error("BadDigest", undefined, {
        ExpectedDigest: this.#expectedMd5.toBase64(),
        CalculatedDigest: md5.toBase64(),
      });
    }
    const checksum = this.#announced;
    if (checksum !== undefined) {
      const computed = digest(checksum.algorithm).toBase64();
      if (computed !== checksum.value) {
        throw new S3Error(
          "BadDigest",
          `The ${checksum.algorithm} you specified did not match the calculated checksum.`,
        );
      }
    }
    return { md5, checksum };
  }
}

function contentMd5(headers: ReadonlyMap<string, string>): Uint8Array | undefined {
  const header = headers.get("content-md5");
  if (header === undefined) return undefined;
  const digest = decodeBase64(header);
  if (digest?.byteLength !== 16) throw new S3Error("InvalidDigest");
  return digest;
}
