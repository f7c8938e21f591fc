/** Number of bytes that are read from a connection at once. */
const BUFFER_BYTES = 65_536;

/** The other side closed the connection in the middle of a message. */
export class TruncatedMessageError extends Error {
  override name = "TruncatedMessageError";
}

/** The start line and the fields of a message exceed the reader's limit. */
export class OversizedHeadError extends Error {
  override name = "OversizedHeadError";
}

/**
 * Reads one side of an HTTP/1.1 connection: complete lines for heads and chunk sizes, spans for
 * bodies. A span is a view of a reused buffer: the next read overwrites it.
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
   * Waits for a byte; false at the end of the connection. If an earlier call is still waiting, both
   * wait for the same byte.
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
   * The bytes up to and including the next line feed, one character for each byte; undefined if the
   * connection ends before the line.
   *
   * @throws {TruncatedMessageError} if the connection ends within the line
   * @throws {OversizedHeadError} if the line is longer than `limit` bytes
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

/** Decodes each byte to one character, so that fields of any encoding are preserved. */
export function decodeBytes(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The reverse of {@link decodeBytes}. */
export function encodeBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Writes all of `bytes`; rejects if the other side has disconnected. */
export async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) written += await connection.write(bytes.subarray(written));
}
