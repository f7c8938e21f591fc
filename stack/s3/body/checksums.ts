import { crc32 } from "node:zlib";
import { S3Error } from "../errors.ts";

/**
 * S3's name of the only checksum algorithm that the stand-in verifies. It is the default of the AWS
 * CLI and SDK. S3's other algorithms are refused as not implemented.
 */
export const CHECKSUM_ALGORITHM = "CRC32";

/** The header with a checksum in base64. */
export const CHECKSUM_HEADER = "x-amz-checksum-crc32";

/** The XML element with a checksum in base64. */
export const CHECKSUM_ELEMENT = "ChecksumCRC32";

const CHECKSUM_BYTES = 4;

/** S3's other algorithms. */
const MISSING_ALGORITHMS = ["CRC32C", "CRC64NVME", "SHA1", "SHA256"];

/** An incremental CRC-32. */
export class Crc32 {
  #value = 0;

  /** Adds bytes. */
  update(chunk: Uint8Array): void {
    this.#value = crc32(chunk, this.#value);
  }

  /** The checksum of all added bytes in base64, as S3 sends it. */
  digest(): string {
    const bytes = new Uint8Array(CHECKSUM_BYTES);
    new DataView(bytes.buffer).setUint32(0, this.#value);
    return bytes.toBase64();
  }
}

/**
 * @throws {S3Error} NotImplemented for an algorithm that the stand-in lacks, else InvalidRequest
 */
export function checkAlgorithm(name: string): void {
  const upper = name.toUpperCase();
  if (upper === CHECKSUM_ALGORITHM) return;
  if (MISSING_ALGORITHMS.includes(upper)) throw new S3Error("NotImplemented");
  throw new S3Error("InvalidRequest", "Checksum algorithm provided is unsupported.");
}

/**
 * The checksum in a request's headers, in base64; undefined if they have none.
 *
 * @throws {S3Error} NotImplemented for a different algorithm, InvalidRequest for a malformed value
 */
export function statedChecksum(headers: ReadonlyMap<string, string>): string | undefined {
  for (const name of MISSING_ALGORITHMS) {
    const header = `x-amz-checksum-${name.toLowerCase()}`;
    if (headers.has(header)) throw new S3Error("NotImplemented", undefined, { Header: header });
  }
  const value = headers.get(CHECKSUM_HEADER);
  if (value !== undefined && decodeBase64(value)?.byteLength !== CHECKSUM_BYTES) {
    throw new S3Error("InvalidRequest", `Value for ${CHECKSUM_HEADER} header is invalid.`);
  }
  return value;
}

/** Decodes base64 with padding; undefined if the text is not base64. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const wellFormed = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text);
  return wellFormed && text !== "" ? Uint8Array.fromBase64(text) : undefined;
}
