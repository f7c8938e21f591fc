/** Digests of blobs: SHA-256 of all bytes, or S3's composite SHA-256 of the parts. */
import { createHash } from "node:crypto";
import { releaseBuffer } from "../lib/release_buffer.ts";
import { fromHex, hexDigest } from "../lib/codecs/hex.ts";

/** Size and digest of a stream. */
export interface StreamDigest {
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

/** How the digest of a blob was computed. */
export interface BlobShape {
  /** Bytes of the blob. */
  readonly size: number;
  /** Bytes of each part except the last; null: the digest is of all bytes. */
  readonly part_size: number | null;
}

/** Largest piece that is buffered and hashed in another thread, as most S3 parts are. */
const MAX_BUFFER_BYTES = 16 * 1024 * 1024;

/**
 * Reads a stream to its end and computes its digest. At most one part is in memory, and never more
 * than 16 MiB.
 *
 * @param shape how the blob's digest was computed. With a part size, the result is S3's composite
 * SHA-256 of the parts' digests. Without one, it is the digest of the first `shape.size` bytes
 * @returns the digest and the size of the stream. Compare both, because a longer stream can have the
 * blob's digest
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

/** The current piece of a stream. `digest` ends it and starts the next one. */
interface Piece {
  add(bytes: Uint8Array): void;
  /** Hex. */
  digest(): Promise<string> | string;
  /** Releases the memory. No piece follows. */
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

/** Hashes a large piece on the main thread, which costs CPU instead of memory. */
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

/**
 * S3's composite SHA-256: the digest of the parts' digests.
 *
 * @param digests SHA-256 of each part, hex, in order
 */
export async function compositeDigest(digests: readonly string[]): Promise<string> {
  const joined = new Uint8Array(digests.length * 32);
  digests.forEach((digest, index) => joined.set(fromHex(digest), index * 32));
  return await hexDigest(joined);
}

/**
 * The ETag of a multipart object at Amazon, MinIO and radosgw: the MD5 of the parts' MD5s, a hyphen
 * and the number of parts.
 *
 * @param partEtags etag of each part, in order
 * @returns undefined if a part's etag is not an MD5, as with some kinds of encryption
 */
export function multipartEtag(partEtags: readonly string[]): string | undefined {
  const unquoted = partEtags.map((etag) => etag.replaceAll('"', "").toLowerCase());
  if (!unquoted.every((etag) => /^[0-9a-f]{32}$/.test(etag))) return undefined;
  return `${createHash("md5").update(unquoted.join(""), "hex").digest("hex")}-${unquoted.length}`;
}
