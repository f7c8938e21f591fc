/** Reads bodies of responses with a size limit, because a server may send more than was requested. */

/** A body is larger than its limit. The rest of the body was cancelled. */
export class TooLongError extends Error {
  override readonly name = "TooLongError";
}

/**
 * Reads the body of a response. If it states its length, it is read in one call, because fetch
 * enforces the length. Without a length, or if fetch decompresses the body, the chunks are counted.
 *
 * @param maxBytes largest size of the body
 * @throws TooLongError if the body is larger
 */
export async function readBytes(
  response: Response,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const stated = response.headers.get("content-length");
  if (stated !== null && Number(stated) > maxBytes) {
    await response.body?.cancel();
    throw new TooLongError(`more than ${maxBytes} bytes`);
  }
  if (stated !== null && !response.headers.has("content-encoding")) {
    return new Uint8Array(await response.arrayBuffer());
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop cancels the rest of the body.
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) throw new TooLongError(`more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return joinBytes(chunks, size);
}

/**
 * Reads the start of a body as text and cancels the rest.
 *
 * @param maxBytes most bytes to read
 */
export async function readStart(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    const piece = chunk.subarray(0, maxBytes - size);
    chunks.push(piece);
    size += piece.length;
    if (size >= maxBytes) break;
  }
  return new TextDecoder().decode(joinBytes(chunks, size));
}

/**
 * Concatenates chunks.
 *
 * @param size sum of the chunks' lengths in bytes
 */
export function joinBytes(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
