/** Unpacking a part of a listing, within what an isolate may hold. */
import { HoldfastError, messageOf } from "../config/errors.ts";

/**
 * A part is written with up to 16 MiB of lines; twice as much is no part but a trap, and held in
 * memory as bytes and as text it would end the isolate.
 */
const MAX_TEXT_BYTES = 32 * 1024 * 1024;

/**
 * Bytes that are unpacked at once. Deno 2.1.4 gives all that comes of them in one piece, up to a
 * thousand times as long, and its node:zlib does not know `maxOutputLength`.
 */
const PIECE_BYTES = 4 * 1024;

/**
 * The text of gzip. @throws HoldfastError `repository_damaged`, by its key: it is none, is no UTF-8,
 * or is longer than any part.
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
