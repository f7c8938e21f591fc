/** Reading answers of servers that may send more than anybody asked for. */

/** More came than was to come; what was not read was let go. */
export class TooLongError extends Error {
  override readonly name = "TooLongError";
}

/**
 * The body of an answer. One that states its length is read at once, for fetch holds it to that; one
 * that does not, or that fetch unpacks, is counted as it comes.
 * @throws TooLongError above `maxBytes`.
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
  // Leaving the loop lets go of the rest.
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) throw new TooLongError(`more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return joinBytes(chunks, size);
}

/** The first characters of an answer that is only looked at; the rest is let go. */
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

/** Chunks one behind the other; `size` is the sum of their lengths. */
export function joinBytes(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
