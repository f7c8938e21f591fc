import type { Head } from "./head.ts";
import { encodeBytes, TruncatedMessageError, type WireReader } from "./reader.ts";

/** Maximum length of a line with a chunk's size or a trailer. */
const LINE_BYTES = 16_384;

/** How a message delimits its body: RFC 9112, section 6.3. */
export type Framing =
  | { kind: "length"; bytes: number }
  | { kind: "chunked" }
  | { kind: "until_close" };

const NO_BODY: Framing = { kind: "length", bytes: 0 };

/** The framing of a request's body. */
export function requestFraming(head: Head): Framing {
  return declaredFraming(head) ?? NO_BODY;
}

/** The framing of the body of a response to a request with `method`. */
export function responseFraming(head: Head, method: string): Framing {
  const status = Number(head.startLine.split(" ")[1]);
  const bodiless = method === "HEAD" || status < 200 || status === 204 || status === 304;
  if (bodiless) return NO_BODY;
  return declaredFraming(head) ?? { kind: "until_close" };
}

function declaredFraming(head: Head): Framing | undefined {
  if (/\bchunked\b/i.test(head.get("transfer-encoding") ?? "")) return { kind: "chunked" };
  const length = head.get("content-length");
  return length === undefined ? undefined : { kind: "length", bytes: Number(length) };
}

/**
 * Copies a body unchanged, including chunk sizes and trailers, one buffer at a time.
 *
 * @throws {TruncatedMessageError} if the connection ends before the body
 */
export async function copyBody(
  reader: WireReader,
  framing: Framing,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  if (framing.kind === "length") return await copyBytes(reader, framing.bytes, write);
  if (framing.kind === "chunked") return await copyChunks(reader, write);
  for (let span = await reader.span(); span !== undefined; span = await reader.span()) {
    await write(span);
  }
}

async function copyBytes(
  reader: WireReader,
  bytes: number,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  for (let left = bytes; left > 0;) {
    const span = await reader.span(left);
    if (span === undefined) {
      throw new TruncatedMessageError(`${left} of ${bytes} bytes of a body are missing`);
    }
    left -= span.length;
    await write(span);
  }
}

async function copyChunks(
  reader: WireReader,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  while (true) {
    const size = await copyLine(reader, write);
    const bytes = parseInt(size, 16);
    if (!(bytes >= 0)) throw new TruncatedMessageError("a chunk without a size");
    if (bytes === 0) break;
    // The two additional bytes are the line end after each chunk.
    await copyBytes(reader, bytes + 2, write);
  }
  while (await copyLine(reader, write) !== "");
}

async function copyLine(
  reader: WireReader,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<string> {
  const line = await reader.line(LINE_BYTES);
  if (line === undefined) throw new TruncatedMessageError("a body of chunks is cut short");
  await write(encodeBytes(line));
  return line.trimEnd();
}
