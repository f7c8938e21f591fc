import { type Answer, sendAnswer } from "./answer.ts";
import { copyBody, requestFraming, responseFraming } from "./body.ts";
import { close } from "./connection.ts";
import { closesConnection, type Head, readHead } from "./head.ts";
import { encodeBytes, WireReader, writeAll } from "./reader.ts";

/** A request that goes to a server on this machine. */
export interface Forward {
  /** The server on 127.0.0.1 that the request goes to. */
  port: number;
  /** The head it goes there with; its body follows untouched. */
  head: Head;
  /** The head that the client gets for the server's. */
  rewriteResponse?: (head: Head) => Head;
  /** What becomes of the request where no server listens on the port; nothing of it was sent. */
  refused: () => Promise<Answer | Forward> | Answer | Forward;
  /** What the client gets where the server hangs up without a response. */
  hungUp: () => Promise<Answer> | Answer;
  /** Called once, when the response is sent or the exchange is broken off. */
  done?: () => void;
}

/** One request that is passed to a server, and its response. */
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
    // Awaited below; until then a failure shows as the response that it breaks off.
    sending.catch(() => undefined);
    try {
      return await this.#passResponse();
    } finally {
      this.#finished = true;
      // Ends the sending where the server answered without reading everything.
      close(this.server);
      await sending;
    }
  }

  async #sendRequest(): Promise<void> {
    const head = this.chosen.head.without("connection", "keep-alive").with("connection", "close");
    let refused = false;
    const write = async (bytes: Uint8Array) => {
      if (refused) return;
      // A server may answer and hang up before it read everything, as for a body above a limit. Its
      // answer counts; the rest is read and dropped, so that the client gets to see it.
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

  /** Hangs up on the server when the client hangs up on us before the response is sent. */
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

  /** The head of the server's response, after interim ones like 100, which are passed on. */
  async #finalHead(reader: WireReader): Promise<Head | undefined> {
    while (true) {
      const head = await readHead(reader).catch(() => undefined);
      if (head === undefined || !/^HTTP\/1\.1 1\d\d/.test(head.startLine)) return head;
      await writeAll(this.client, encodeBytes(head.toString()));
    }
  }
}
