/** So many bytes are read from a connection at a time. */
const BUFFER_BYTES = 65_536;

/** The other side closed the connection in the middle of a message. */
export class TruncatedMessageError extends Error {
  override name = "TruncatedMessageError";
}

/** The start line and the fields of a message are longer than the reader takes. */
export class OversizedHeadError extends Error {
  override name = "OversizedHeadError";
}

/**
 * Reads one side of an HTTP/1.1 connection: whole lines for heads and chunk sizes, spans for bodies.
 * A span is a view of one buffer that the next read reuses: it must be used up before.
 */
export class WireReader {
  readonly #connection: Deno.TcpConn;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #start = 0;
  #end = 0;
  #filling: Promise<boolean> | undefined;

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /**
   * Waits until there is a byte to read; false at the end of the connection. May be called while an
   * earlier call still waits: both then wait for the same byte.
   */
  fill(): Promise<boolean> {
    if (this.#start < this.#end) return Promise.resolve(true);
    return this.#filling ??= this.#read();
  }

  async #read(): Promise<boolean> {
    try {
      const count = await this.#connection.read(this.#buffer);
      this.#start = 0;
      this.#end = count ?? 0;
      return this.#end > 0;
    } finally {
      this.#filling = undefined;
    }
  }

  /** The next bytes, at most `limit` of them; undefined at the end of the connection. */
  async span(limit = Infinity): Promise<Uint8Array | undefined> {
    if (!await this.fill()) return undefined;
    const end = Math.min(this.#end, this.#start + limit);
    const span = this.#buffer.subarray(this.#start, end);
    this.#start = end;
    return span;
  }

  /**
   * The bytes up to and including the next line feed, one character a byte; undefined where the
   * connection ends before the first of them.
   *
   * @throws {TruncatedMessageError} when the connection ends within the line
   * @throws {OversizedHeadError} when the line is longer than `limit` bytes
   */
  async line(limit: number): Promise<string | undefined> {
    let line = "";
    while (await this.fill()) {
      const unread = this.#buffer.subarray(this.#start, this.#end);
      const feed = unread.indexOf(10);
      const part = feed < 0 ? unread : unread.subarray(0, feed + 1);
      this.#start += part.length;
      line += decodeBytes(part);
      if (line.length > limit) throw new OversizedHeadError(`a line above ${limit} bytes`);
      if (feed >= 0) return line;
    }
    if (line === "") return undefined;
    throw new TruncatedMessageError("the connection ended within a line");
  }
}

/** One character for each byte, so that a field of any encoding comes through as it is. */
export function decodeBytes(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The reverse of {@link decodeBytes}. */
export function encodeBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Writes all of `bytes`; rejects when the other side is gone. */
export async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) written += await connection.write(bytes.subarray(written));
}
