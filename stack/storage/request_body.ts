import type { IncomingMessage } from "node:http";
import { refusal, StorageError } from "./errors.ts";

const LARGEST_JSON_BYTES = 1024 * 1024;
/** Reading from the connection pauses while more bytes than this are queued. */
const WAITING_BYTES = 1024 * 1024;

/** Thrown to the reader of a body whose client has disconnected. No answer can be sent. */
export class ClientDisconnectedError extends Error {
  override readonly name = "ClientDisconnectedError";
}

/**
 * The body of a request: read once, in chunks.
 *
 * It uses events: if the client disconnects within the body, Deno 2.9's async iterator of a message
 * never ends.
 */
export class RequestBody {
  readonly #message: IncomingMessage;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #state: "open" | "ended" | "disconnected" = "open";
  #wake = () => {};

  constructor(message: IncomingMessage, received: (bytes: number) => void) {
    this.#message = message;
    message.on("data", (chunk: Uint8Array) => {
      received(chunk.length);
      this.#waiting.push(chunk);
      this.#waitingBytes += chunk.length;
      if (this.#waitingBytes > WAITING_BYTES) message.pause();
      this.#wake();
    });
    message.on("end", () => this.#settle("ended"));
    message.on("error", () => this.#settle("disconnected"));
    message.on("close", () => this.#settle("disconnected"));
    message.pause();
  }

  #settle(state: "ended" | "disconnected"): void {
    if (this.#state === "open") this.#state = state;
    this.#wake();
  }

  /**
   * The next bytes; `undefined` at the end.
   *
   * @throws ClientDisconnectedError if the client has disconnected.
   */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#waiting.shift();
      if (chunk) {
        this.#waitingBytes -= chunk.length;
        return chunk;
      }
      if (this.#state === "disconnected") throw new ClientDisconnectedError();
      if (this.#state === "ended") return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#message.resume();
      });
    }
  }

  /** The bytes that were not read yet. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.read(); chunk; chunk = await this.read()) yield chunk;
  }

  /**
   * Reads and discards the rest. Many clients lose an answer if the server closes the connection
   * while a body is still arriving. Storage also reads to the end.
   */
  async drain(): Promise<void> {
    while (await this.read());
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
