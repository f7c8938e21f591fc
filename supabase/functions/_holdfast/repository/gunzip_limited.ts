/** Decompresses a part of a listing with a limit of memory. */
import { HoldfastError, messageOf } from "../config/errors.ts";

/**
 * Largest decompressed part. Holdfast writes up to 16 MiB of lines. A larger text may be a
 * decompression bomb, which would exceed the isolate's memory.
 */
const MAX_TEXT_BYTES = 32 * 1024 * 1024;

/**
 * Compressed bytes of one step. Deno 2.1.4 returns the output of a step in one piece, up to a thousand
 * times as large. Its node:zlib does not support `maxOutputLength`.
 */
const PIECE_BYTES = 4 * 1024;

/**
 * Decompresses a text.
 *
 * @param key key of the document, which errors name
 * @param packed gzip data of UTF-8
 * @throws HoldfastError `repository_damaged` if it is not gzip, not UTF-8 or larger than 32 MiB
 */
export async function gunzipText(key: string, packed: Uint8Array<ArrayBuffer>): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let size = 0;
  let text = "";
  try {
    for await (const piece of unpacked(packed)) {
      size += piece.length;
      if (size > MAX_TEXT_BYTES) throw new RangeError(`it has more than ${MAX_TEXT_BYTES} bytes`);
      text += decoder.decode(piece, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    throw new HoldfastError("repository_damaged", `${key} can't be unpacked: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function unpacked(packed: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
  return ReadableStream.from(piecesOf(packed)).pipeThrough(new DecompressionStream("gzip"));
}

function* piecesOf(bytes: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
  for (let first = 0; first < bytes.length; first += PIECE_BYTES) {
    yield bytes.subarray(first, first + PIECE_BYTES);
  }
}
