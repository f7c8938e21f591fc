import { createHash } from "node:crypto";
import { S3Error } from "../errors.ts";
import type { ChunkSigner } from "../auth/chunk_signer.ts";

/** The longest line between chunks: a size, a signature or a trailing header. */
const LINE_BYTES = 8192;

/** The parts of an aws-chunked body that may come next. */
type Expected = "size" | "data" | "line end" | "trailer" | "nothing";

/**
 * Undoes the encoding `aws-chunked`: chunks of `<hex size>[;chunk-signature=…]`, then headers.
 *
 * With a signer every chunk's signature is checked, and that of the trailing headers where the
 * client said that it sends some.
 */
export class AwsChunkedDecoder {
  readonly #line: number[] = [];
  #expected: Expected = "size";
  #left = 0;
  #signature = "";
  #hash = createHash("sha256");
  #trailerLines: string[] = [];

  /** The trailing headers by lower-case name, complete after `end`. */
  readonly trailers = new Map<string, string>();

  constructor(readonly signer: ChunkSigner | undefined, readonly expectsTrailer: boolean) {}

  /**
   * The data in these bytes.
   *
   * @throws {S3Error} SignatureDoesNotMatch, IncompleteBody where the encoding is broken
   */
  *decode(bytes: Uint8Array): Generator<Uint8Array> {
    let offset = 0;
    while (offset < bytes.byteLength) {
      if (this.#expected === "nothing") throw new S3Error("IncompleteBody");
      if (this.#expected === "data") {
        const data = bytes.subarray(offset, offset + this.#left);
        offset += data.byteLength;
        this.#left -= data.byteLength;
        if (this.signer !== undefined) this.#hash.update(data);
        if (this.#left === 0) this.#expected = "line end";
        yield data;
        continue;
      }
      const byte = bytes[offset++];
      if (byte === 0x0a) this.#takeLine();
      else if (this.#line.push(byte) > LINE_BYTES) throw new S3Error("IncompleteBody");
    }
  }

  /** @throws {S3Error} IncompleteBody where more should have come */
  end(): void {
    if (this.#expected !== "nothing") throw new S3Error("IncompleteBody");
  }

  #takeLine(): void {
    const line = String.fromCharCode(...this.#line.splice(0)).replace(/\r$/, "");
    if (this.#expected === "size") this.#beginChunk(line);
    else if (this.#expected === "trailer" && line !== "") this.#trailerLines.push(line);
    else if (this.#expected === "trailer") this.#endTrailer();
    else if (line === "") this.#endChunk();
    else throw new S3Error("IncompleteBody");
  }

  #beginChunk(line: string): void {
    const parsed = /^([0-9a-f]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?$/i.exec(line);
    if (parsed === null) throw new S3Error("IncompleteBody");
    this.#left = parseInt(parsed[1], 16);
    this.#signature = parsed[2] ?? "";
    if (this.#left > 0) {
      this.#expected = "data";
      return;
    }
    this.#checkChunk();
    this.#expected = "trailer";
  }

  #endChunk(): void {
    this.#checkChunk();
    this.#expected = "size";
  }

  #checkChunk(): void {
    if (this.signer === undefined) return;
    this.signer.checkChunk(this.#hash.digest("hex"), this.#signature);
    this.#hash = createHash("sha256");
  }

  #endTrailer(): void {
    this.#expected = "nothing";
    let signature = "";
    for (const line of this.#trailerLines) {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon).trim().toLowerCase();
      const value = line.slice(colon + 1).trim();
      if (name === "x-amz-trailer-signature") signature = value;
      else this.trailers.set(name, value);
    }
    if (this.signer !== undefined && this.expectsTrailer) {
      this.signer.checkTrailer(this.trailers, signature);
    }
  }
}
