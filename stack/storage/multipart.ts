import { Buffer } from "node:buffer";
import { refusal } from "./errors.ts";
import type { RequestBody } from "./request_body.ts";

/** A form with a file. Its fields are those before the file. */
export interface FormUpload {
  readonly fields: ReadonlyMap<string, string>;
  /** The file's type, lower case, without parameters. */
  readonly mimetype: string;
  /** The file's bytes. The rest of the form is read and ignored. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Searches a stream for byte sequences. It buffers little more than one chunk. */
class Scanner {
  #held: Buffer;
  readonly #body: RequestBody;

  constructor(body: RequestBody, start: string) {
    this.#body = body;
    this.#held = Buffer.from(start);
  }

  /** Yields the bytes before the delimiter, and skips the delimiter. */
  async *until(delimiter: Buffer): AsyncGenerator<Uint8Array> {
    for (;;) {
      const at = this.#held.indexOf(delimiter);
      if (at >= 0) {
        const before = this.#held.subarray(0, at);
        this.#held = this.#held.subarray(at + delimiter.length);
        if (before.length > 0) yield before;
        return;
      }
      // The last bytes may be the start of the delimiter, so they wait for the next chunk.
      const free = this.#held.length - delimiter.length + 1;
      if (free > 0) {
        yield this.#held.subarray(0, free);
        this.#held = this.#held.subarray(free);
      }
      await this.#more();
    }
  }

  async textUntil(delimiter: Buffer): Promise<string> {
    const parts: Uint8Array[] = [];
    for await (const part of this.until(delimiter)) parts.push(part);
    return Buffer.concat(parts).toString();
  }

  /** Whether the last skipped delimiter was the form's final one. */
  async atEnd(): Promise<boolean> {
    while (this.#held.length < 2) await this.#more();
    return this.#held.subarray(0, 2).toString() === "--";
  }

  async #more(): Promise<void> {
    const chunk = await this.#body.read();
    if (!chunk) throw refusal.noContent("Unexpected end of form");
    this.#held = Buffer.concat([this.#held, chunk]);
  }
}

const LINE_END = Buffer.from("\r\n");
const HEAD_END = Buffer.from("\r\n\r\n");

function parseHead(head: string): { name: string; isFile: boolean; mimetype: string } {
  const lines = head.split("\r\n");
  const header = (name: string) =>
    lines.find((line) => line.toLowerCase().startsWith(`${name}:`))?.slice(name.length + 1) ?? "";
  const disposition = header("content-disposition");
  const mimetype = header("content-type").split(";")[0].trim().toLowerCase();
  return {
    name: /;\s*name="((?:[^"\\]|\\.)*)"/i.exec(disposition)?.[1] ?? "",
    isFile: /;\s*filename\*?=/i.test(disposition) || mimetype === "application/octet-stream",
    mimetype: mimetype || "text/plain",
  };
}

/**
 * Reads a multipart/form-data body up to its first file. The file itself is streamed; the caller
 * must read it to its end.
 *
 * @throws StorageError InvalidRequest for a form without a file, and for a truncated form.
 */
export async function readForm(body: RequestBody, contentType: string): Promise<FormUpload> {
  const boundary = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
  if (!boundary) throw refusal.noContent("Multipart: Boundary not found");
  const delimiter = Buffer.from(`\r\n--${boundary[1] ?? boundary[2]}`);
  const scanner = new Scanner(body, "\r\n");
  const fields = new Map<string, string>();
  await scanner.textUntil(delimiter);
  while (!await scanner.atEnd()) {
    await scanner.textUntil(LINE_END);
    const head = parseHead(await scanner.textUntil(HEAD_END));
    if (head.isFile) {
      return { fields, mimetype: head.mimetype, chunks: fileChunks(scanner, delimiter, body) };
    }
    fields.set(head.name, await scanner.textUntil(delimiter));
  }
  await body.drain();
  throw refusal.noContent();
}

async function* fileChunks(scanner: Scanner, delimiter: Buffer, body: RequestBody) {
  yield* scanner.until(delimiter);
  await body.drain();
}
