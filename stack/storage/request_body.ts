import type { IncomingMessage } from "node:http";
import { refusal, StorageError } from "./errors.ts";

const LARGEST_JSON_BYTES = 1024 * 1024;
/** Reading from the connection rests while more than this waits to be taken. */
const WAITING_BYTES = 1024 * 1024;

/** Thrown to whoever reads a body whose client went away: nobody is left to answer. */
export class ClientGoneError extends Error {
  override readonly name = "ClientGoneError";
}

/**
 * The body of a request: read once, in chunks.
 *
 * By events, for the async iterator of a message never ends in Deno 2.9 when its client goes away
 * in the middle.
 */
export class RequestBody {
  readonly #message: IncomingMessage;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #state: "open" | "ended" | "gone" = "open";
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
    message.on("error", () => this.#settle("gone"));
    message.on("close", () => this.#settle("gone"));
    message.pause();
  }

  #settle(state: "ended" | "gone"): void {
    if (this.#state === "open") this.#state = state;
    this.#wake();
  }

  /**
   * The next bytes; `undefined` at the end.
   *
   * @throws ClientGoneError where the client broke off.
   */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#waiting.shift();
      if (chunk) {
        this.#waitingBytes -= chunk.length;
        return chunk;
      }
      if (this.#state === "gone") throw new ClientGoneError();
      if (this.#state === "ended") return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#message.resume();
      });
    }
  }

  /** What was not read yet. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.read(); chunk; chunk = await this.read()) yield chunk;
  }

  /**
   * Reads on to the end without keeping anything. A server that answers and closes while a body is
   * still coming makes many a client lose the answer; Storage's reads on too.
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
