import { type Answer, sendAnswer } from "./answer.ts";
import { copyBody, requestFraming, responseFraming } from "./body.ts";
import { close } from "./connection.ts";
import { closesConnection, type Head, readHead } from "./head.ts";
import { encodeBytes, WireReader, writeAll } from "./reader.ts";

/** How to forward a request to a server on this machine. */
export interface Forward {
  /** Port of the server on 127.0.0.1. */
  port: number;
  /** The head to send. The request's body follows unchanged. */
  head: Head;
  /** Changes the head of the server's response for the client. */
  rewriteResponse?: (head: Head) => Head;
  /** Decides what to do if no server listens on the port. Nothing was sent yet. */
  refused: () => Promise<Answer | Forward> | Answer | Forward;
  /** The client's answer if the server closes the connection without a response. */
  hungUp: () => Promise<Answer> | Answer;
  /** Called once, when the response is sent or the exchange is aborted. */
  done?: () => void;
}

/** Forwards one request to a server, and its response to the client. */
export class Exchange {
  #finished = false;

  constructor(
    readonly client: Deno.TcpConn,
    readonly reader: WireReader,
    readonly server: Deno.TcpConn,
    readonly head: Head,
    readonly chosen: Forward,
  ) {}

  async run(): Promise<boolean> {
    const sending = this.#sendRequest();
    // Awaited below. Until then a failure to send shows as an aborted response.
    sending.catch(() => undefined);
    try {
      return await this.#passResponse();
    } finally {
      this.#finished = true;
      // Aborts sending if the server answered without reading the complete request.
      close(this.server);
      await sending;
    }
  }

  async #sendRequest(): Promise<void> {
    const head = this.chosen.head.without("connection", "keep-alive").with("connection", "close");
    let refused = false;
    const write = async (bytes: Uint8Array) => {
      if (refused) return;
      // A server may answer and close before it has read the complete body, for example if the body
      // exceeds a limit. The rest is read and dropped, so that the client receives the answer.
      await writeAll(this.server, bytes).catch(() => void (refused = true));
    };
    try {
      await write(encodeBytes(head.toString()));
      await copyBody(this.reader, requestFraming(this.head), write);
    } catch (error) {
      close(this.server);
      throw error;
    }
    this.#watchClient();
  }

  /** Closes the server's connection if the client disconnects before the response is sent. */
  #watchClient(): void {
    const hangUp = () => {
      if (!this.#finished) close(this.server);
    };
    this.reader.fill().then((more) => more || hangUp(), hangUp);
  }

  async #passResponse(): Promise<boolean> {
    const reader = new WireReader(this.server);
    const head = await this.#finalHead(reader);
    if (head === undefined) {
      await sendAnswer(this.client, await this.chosen.hungUp(), true);
      return false;
    }
    const method = this.head.startLine.split(" ")[0]!;
    const framing = responseFraming(head, method);
    const keepOpen = framing.kind !== "until_close" && !closesConnection(this.head);
    const rewritten = this.chosen.rewriteResponse?.(head) ?? head;
    const sent = rewritten.without("connection", "keep-alive")
      .with("connection", keepOpen ? "keep-alive" : "close");
    await writeAll(this.client, encodeBytes(sent.toString()));
    await copyBody(reader, framing, (bytes) => writeAll(this.client, bytes));
    return keepOpen;
  }

  /** The head of the server's final response. Interim responses such as 100 are forwarded first. */
  async #finalHead(reader: WireReader): Promise<Head | undefined> {
    while (true) {
      const head = await readHead(reader).catch(() => undefined);
      if (head === undefined || !/^HTTP\/1\.1 1\d\d/.test(head.startLine)) return head;
      await writeAll(this.client, encodeBytes(head.toString()));
    }
  }
}
