import type { IncomingMessage } from "node:http";

/** Reading from the connection pauses while more bytes than this are queued. */
const QUEUED_BYTES = 1024 * 1024;

/** Maximum number of bytes of a refused body that are read before the connection is cut. */
const DISCARDED_BYTES = 64 * 1024 * 1024;

/** Thrown to the reader of a body whose client has disconnected. No answer can be sent. */
export class ConnectionLostError extends Error {
  readonly code = "connection_lost";
  override name = "ConnectionLostError";

  constructor() {
    super("the connection was closed before the whole body had arrived");
  }
}

/**
 * The body of a request as received.
 *
 * If the client disconnects within the body, Deno 2.9.6's async iterator of a message never
 * settles. So this class uses events.
 */
export class IncomingBody {
  #queue: Uint8Array[] = [];
  #queued = 0;
  #ended = false;
  #lost = false;
  #wake: (() => void) | undefined;

  /** Number of bytes received so far. */
  received = 0;

  constructor(readonly message: IncomingMessage) {
    message.on("data", (chunk: Uint8Array) => this.#take(chunk));
    message.on("end", () => this.#settle("ended"));
    message.on("error", () => this.#settle("lost"));
    message.on("close", () => this.#settle("lost"));
    message.pause();
  }

  #take(chunk: Uint8Array): void {
    this.#queue.push(chunk);
    this.#queued += chunk.byteLength;
    this.received += chunk.byteLength;
    if (this.#queued > QUEUED_BYTES) this.message.pause();
    this.#wake?.();
  }

  #settle(outcome: "ended" | "lost"): void {
    if (outcome === "ended") this.#ended = true;
    else if (!this.#ended) this.#lost = true;
    this.#wake?.();
  }

  /** True if the client has disconnected before its body was complete. */
  get lost(): boolean {
    return this.#lost;
  }

  /**
   * The next bytes, or undefined at the end.
   *
   * @throws {ConnectionLostError}
   */
  async next(): Promise<Uint8Array | undefined> {
    while (true) {
      const chunk = this.#queue.shift();
      if (chunk !== undefined) {
        this.#queued -= chunk.byteLength;
        return chunk;
      }
      if (this.#lost) throw new ConnectionLostError();
      if (this.#ended) return undefined;
      const woken = new Promise<void>((resolve) => this.#wake = resolve);
      this.message.resume();
      await woken;
    }
  }

  /** Reads and discards the rest. @throws {ConnectionLostError} */
  async drain(): Promise<void> {
    while (await this.next() !== undefined);
  }

  /**
   * Prepares the connection for its next request after the answer was sent. It discards the rest of
   * the body, and cuts the connection after DISCARDED_BYTES.
   */
  async discardRest(): Promise<void> {
    const limit = this.received + DISCARDED_BYTES;
    try {
      while (await this.next() !== undefined) {
        if (this.received > limit) this.message.destroy();
      }
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) throw error;
    }
  }
}
