/** Hashing a stream as a blob's digest is made: whole, or composite over its parts. */
import { fromHex, hexDigest } from "./keys.ts";

/** What a stream of bytes came to. */
export interface StreamDigest {
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

/** How a blob was hashed. */
export interface BlobShape {
  readonly size: number;
  readonly part_size: number | null;
}

/**
 * Reads a stream to its end as a blob's bytes, one part in memory. With a part size the digest is
 * S3's composite SHA-256: of the parts' digests, one after another; without one, of the bytes.
 * A stream longer than the blob is counted to its end, and its digest is not the blob's.
 */
export async function digestStream(
  stream: ReadableStream<Uint8Array>,
  shape: BlobShape,
): Promise<StreamDigest> {
  const buffer = new Uint8Array(Math.max(1, shape.part_size ?? shape.size));
  const digests: string[] = [];
  let filled = 0;
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    for (let offset = 0; offset < chunk.length;) {
      const taken = Math.min(buffer.length - filled, chunk.length - offset);
      buffer.set(chunk.subarray(offset, offset + taken), filled);
      filled += taken;
      offset += taken;
      if (filled === buffer.length) {
        digests.push(await hexDigest(buffer));
        filled = 0;
      }
    }
  }
  if (filled > 0 || digests.length === 0) digests.push(await hexDigest(buffer.slice(0, filled)));
  return {
    size,
    sha256: shape.part_size === null ? digests[0] ?? "" : await compositeDigest(digests),
  };
}

/** S3's composite SHA-256 of parts: the digest of their digests (hex), in order. */
export async function compositeDigest(digests: readonly string[]): Promise<string> {
  const joined = new Uint8Array(digests.length * 32);
  digests.forEach((digest, index) => joined.set(fromHex(digest), index * 32));
  return await hexDigest(joined);
}
