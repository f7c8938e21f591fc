import type { RequestRecord } from "./request_log.ts";
import { refusal, StorageError } from "./errors.ts";

const LARGEST_JSON_BYTES = 1024 * 1024;

/** The body of a request: read once, in chunks, with its bytes counted into the log. */
export class RequestBody {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #record: RequestRecord;
  #broken = false;

  constructor(stream: ReadableStream<Uint8Array> | null, record: RequestRecord) {
    this.#reader = stream?.getReader();
    this.#record = record;
  }

  /** Whether the client broke off. */
  get broken(): boolean {
    return this.#broken;
  }

  /** The next bytes; `undefined` at the end. Throws where the client broke off. */
  async read(): Promise<Uint8Array | undefined> {
    if (!this.#reader) return undefined;
    try {
      const { value } = await this.#reader.read();
      this.#record.requestBytes += value?.length ?? 0;
      return value;
    } catch (error) {
      this.#broken = true;
      throw error;
    }
  }

  /** What was not read yet. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.read(); chunk; chunk = await this.read()) yield chunk;
  }

  /**
   * Reads on to the end without keeping anything. A server that answers and closes while a body is
   * still coming makes many a client lose the answer; Node's, which Storage runs on, reads on too.
   */
  async drain(): Promise<void> {
    try {
      while (await this.read());
    } catch { /* the client is gone, or broke off: nobody waits for an answer */ }
  }

  /**
   * The body as a JSON object.
   *
   * @throws StorageError InvalidRequest, EntityTooLarge.
   */
  async json(contentType: string | null): Promise<Record<string, unknown>> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.chunks()) {
      size += chunk.length;
      if (size > LARGEST_JSON_BYTES) {
        throw new StorageError("EntityTooLarge", 413, "Request body is too large", {
          error: "FastifyError",
          status: 413,
        });
      }
      parts.push(chunk);
    }
    if (!/^application\/json\b/.test(contentType ?? "")) {
      throw refusal.invalidRequest("body must be object");
    }
    const text = await new Blob(parts as BlobPart[]).text();
    return parseObject(text);
  }
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refusal.invalidRequest("Body is not valid JSON but content-type is set to it");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refusal.invalidRequest("body must be object");
  }
  return value as Record<string, unknown>;
}
