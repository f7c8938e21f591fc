/**
 * Raw bytes over a connection, for requests that no client sends. The connection's streams are not
 * used: if the server closes and one stream fails, the other fails too, and the response is lost.
 */

/** Writes all bytes. */
export async function writeAll(connection: Deno.Conn, piece: string | Uint8Array): Promise<void> {
  const bytes = typeof piece === "string" ? new TextEncoder().encode(piece) : piece;
  for (let offset = 0; offset < bytes.byteLength;) {
    offset += await connection.write(bytes.subarray(offset));
  }
}

/** Reads until the connection closes or `enough` returns true. */
export async function readText(
  connection: Deno.Conn,
  enough: (text: string) => boolean = () => false,
): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(64 * 1024);
  let text = "";
  while (!enough(text)) {
    const count = await connection.read(buffer);
    if (count === null) break;
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  return text;
}
