import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { S3Error } from "../errors.ts";

/** The checksums that the stand-in can verify; S3's others are refused as not implemented. */
export type ChecksumAlgorithm = "SHA256" | "SHA1" | "CRC32";

/** Every algorithm, with the length of its value in bytes. */
const VALUE_BYTES: Record<ChecksumAlgorithm, number> = { SHA256: 32, SHA1: 20, CRC32: 4 };

/** The checksums of S3 that the stand-in knows only by name. */
const UNKNOWN_ALGORITHMS = ["CRC32C", "CRC64NVME"];

/** A checksum that a client announces for a body; `value` in base64. */
export interface AnnouncedChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly value: string;
}

/** A running computation over the bytes of a body. */
export interface Hasher {
  update(chunk: Uint8Array): void;
  digest(): Uint8Array;
}

/** Starts a computation; MD5 is no checksum algorithm of S3 but what its ETags are made of. */
export function createHasher(algorithm: ChecksumAlgorithm | "MD5"): Hasher {
  if (algorithm === "CRC32") return new Crc32();
  const hash = createHash(algorithm.toLowerCase());
  return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest() };
}

class Crc32 implements Hasher {
  #value = 0;

  update(chunk: Uint8Array): void {
    this.#value = crc32(chunk, this.#value);
  }

  digest(): Uint8Array {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, this.#value);
    return bytes;
  }
}

/** The name of the header, form field or XML element's stem for an algorithm. */
export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

/** The name of the XML element that holds a checksum. */
export function checksumElement(algorithm: ChecksumAlgorithm): string {
  return `Checksum${algorithm}`;
}

/**
 * The algorithm of that name.
 *
 * @throws {S3Error} NotImplemented for those of S3 that the stand-in lacks, else InvalidRequest
 */
export function parseAlgorithm(name: string): ChecksumAlgorithm {
  const upper = name.toUpperCase();
  if (upper in VALUE_BYTES) return upper as ChecksumAlgorithm;
  if (UNKNOWN_ALGORITHMS.includes(upper)) throw new S3Error("NotImplemented");
  throw new S3Error("InvalidRequest", "Checksum algorithm provided is unsupported.");
}

/**
 * The checksum that headers announce, if any.
 *
 * @throws {S3Error} InvalidRequest for more than one or a malformed one, NotImplemented
 */
export function announcedChecksum(
  headers: ReadonlyMap<string, string>,
): AnnouncedChecksum | undefined {
  const algorithms = [...Object.keys(VALUE_BYTES), ...UNKNOWN_ALGORITHMS];
  const given = algorithms.filter((name) => headers.has(`x-amz-checksum-${name.toLowerCase()}`));
  if (given.length === 0) return undefined;
  if (given.length > 1) {
    throw new S3Error("InvalidRequest", "Expecting a single x-amz-checksum- header.");
  }
  const algorithm = parseAlgorithm(given[0]);
  const value = headers.get(checksumHeader(algorithm)) ?? "";
  checkValue(algorithm, value);
  return { algorithm, value };
}

/** @throws {S3Error} InvalidRequest where the value cannot be one of the algorithm */
export function checkValue(algorithm: ChecksumAlgorithm, value: string): void {
  if (decodeBase64(value)?.byteLength === VALUE_BYTES[algorithm]) return;
  throw new S3Error(
    "InvalidRequest",
    `Value for ${checksumHeader(algorithm)} header is invalid.`,
  );
}

/** The bytes of base64 with its padding; undefined where it is none. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const wellFormed = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text);
  return wellFormed && text !== "" ? Uint8Array.fromBase64(text) : undefined;
}
