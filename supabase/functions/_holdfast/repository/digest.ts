/** Hashing a stream as a blob's digest is made: whole, or composite over its parts. */
import { createHash } from "node:crypto";
import { releaseBuffer } from "../lib/release_buffer.ts";
import { fromHex, hexDigest } from "../lib/codecs/hex.ts";

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

/** A piece up to this size is hashed off the main thread, in one buffer; S3 parts mostly are. */
const MAX_BUFFER_BYTES = 16 * 1024 * 1024;

/**
 * Reads a stream to its end as a blob's bytes, at most one part in memory and never more than
 * 16 MiB, whatever the shape says. With a part size the digest is S3's composite SHA-256: of the
 * parts' digests, one after another; without one, of the first `shape.size` bytes. A stream that is
 * longer is counted to its end: the size tells it from the blob.
 */
export async function digestStream(
  stream: ReadableStream<Uint8Array>,
  shape: BlobShape,
): Promise<StreamDigest> {
  const pieceBytes = Math.max(1, shape.part_size ?? shape.size);
  const piece = pieceBytes > MAX_BUFFER_BYTES ? hashedPiece() : bufferedPiece(pieceBytes);
  const digests: string[] = [];
  let filled = 0;
  let size = 0;
  try {
    for await (const chunk of stream) {
      size += chunk.length;
      for (let offset = 0; offset < chunk.length;) {
        const taken = Math.min(pieceBytes - filled, chunk.length - offset);
        piece.add(chunk.subarray(offset, offset + taken));
        filled += taken;
        offset += taken;
        if (filled === pieceBytes) {
          digests.push(await piece.digest());
          filled = 0;
        }
      }
    }
    if (filled > 0 || digests.length === 0) digests.push(await piece.digest());
  } finally {
    piece.end();
  }
  return {
    size,
    sha256: shape.part_size === null ? digests[0] ?? "" : await compositeDigest(digests),
  };
}

/** The piece of a stream that is being read; taking its digest begins the next one. */
interface Piece {
  add(bytes: Uint8Array): void;
  /** Hex. */
  digest(): Promise<string> | string;
  /** No piece follows. */
  end(): void;
}

function bufferedPiece(maxBytes: number): Piece {
  const buffer = new Uint8Array(maxBytes);
  let filled = 0;
  return {
    add(bytes) {
      buffer.set(bytes, filled);
      filled += bytes.length;
    },
    digest() {
      const digest = hexDigest(buffer.subarray(0, filled));
      filled = 0;
      return digest;
    },
    end: () => releaseBuffer(buffer),
  };
}

/** Costs the main thread's CPU instead of memory. */
function hashedPiece(): Piece {
  let hash = createHash("sha256");
  return {
    add: (bytes) => void hash.update(bytes),
    digest() {
      const digest = hash.digest("hex");
      hash = createHash("sha256");
      return digest;
    },
    end: () => undefined,
  };
}

/** S3's composite SHA-256 of parts: the digest of their digests (hex), in order. */
export async function compositeDigest(digests: readonly string[]): Promise<string> {
  const joined = new Uint8Array(digests.length * 32);
  digests.forEach((digest, index) => joined.set(fromHex(digest), index * 32));
  return await hexDigest(joined);
}

/**
 * The ETag that S3 gives to an object of parts: the MD5 of the parts' MD5s, a hyphen and their number,
 * so Amazon, MinIO and radosgw. Undefined where a part's etag is no MD5, as with some ways to encrypt.
 */
export function multipartEtag(partEtags: readonly string[]): string | undefined {
  const unquoted = partEtags.map((etag) => etag.replaceAll('"', "").toLowerCase());
  if (!unquoted.every((etag) => /^[0-9a-f]{32}$/.test(etag))) return undefined;
  return `${createHash("md5").update(unquoted.join(""), "hex").digest("hex")}-${unquoted.length}`;
}
