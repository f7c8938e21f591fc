import { Buffer } from "node:buffer";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type Pass, unknownFault } from "./http_proxy.ts";
import type { NetworkProxy } from "./network_proxy.ts";
import {
  boundStatement,
  type Message,
  MessageCutter,
  parsedStatement,
} from "./postgres_messages.ts";

/**
 * A proxy before PostgreSQL. The messages up to a Sync are one request, which passes as a unit; its
 * response ends with ReadyForQuery. If a request does not pass or its response is lost, the proxy cuts
 * both connections.
 */
export async function openPostgresProxy(upstreamPort: number, pass: Pass): Promise<NetworkProxy> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(upstreamPort, "127.0.0.1");
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on("close", () => {
        open.delete(socket);
        client.destroy();
        upstream.destroy();
      });
      // The `close` event handles a cut connection.
      socket.on("error", () => undefined);
    }
    new Conversation(client, upstream, pass);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One client and its server. */
class Conversation {
  readonly #fromClient = new MessageCutter();
  readonly #fromServer = new MessageCutter();
  readonly #statements = new Map<string, string>();
  #started = false;
  #asked: Message[] = [];
  #answer: Buffer[] | undefined;
  #answered = Promise.withResolvers<Buffer>();
  #last: Promise<void> = Promise.resolve();

  constructor(readonly client: Socket, readonly upstream: Socket, readonly pass: Pass) {
    client.on("data", (bytes) => this.#onClient(bytes));
    upstream.on("data", (bytes) => this.#onServer(bytes));
    upstream.on("close", () => this.#answered.reject(new Error("the server hung up")));
    this.#answered.promise.catch(() => undefined);
  }

  #onClient(bytes: Buffer): void {
    // Start-up messages have another form and are no steps.
    if (!this.#started) return void this.upstream.write(bytes);
    for (const message of this.#fromClient.cut(bytes)) this.#onAsked(message);
  }

  #onAsked(message: Message): void {
    this.#asked.push(message);
    if (message.type === "P") {
      const { name, text } = parsedStatement(message);
      this.#statements.set(name, text);
    }
    if (!"SQHX".includes(message.type)) return;
    const asked = this.#asked;
    this.#asked = [];
    this.#last = this.#last.then(() => this.#send(asked, message.type)).catch(() => {
      this.client.destroy();
      this.upstream.destroy();
    });
  }

  async #send(asked: readonly Message[], end: string): Promise<void> {
    const bytes = Buffer.concat(asked.map((message) => message.bytes));
    // A Flush asks for a statement's parameters: it changes nothing and no ReadyForQuery follows.
    if (end !== "S" && end !== "Q") return void this.upstream.write(bytes);
    // A request of a killed process is no step of the next one.
    if (this.client.destroyed) return;
    const answer = await this.pass({
      party: "sql",
      action: this.#nameOf(asked),
      send: async () => {
        this.#answer = [];
        this.#answered = Promise.withResolvers();
        // Its `close` event came before this request.
        if (this.upstream.destroyed) throw new Error("the server hung up");
        this.upstream.write(bytes);
        return await this.#answered.promise;
      },
      sendUnder: unknownFault,
      lost: () => new Error("the answer was lost"),
    });
    this.client.write(answer);
  }

  #onServer(bytes: Buffer): void {
    const messages = this.#started ? this.#fromServer.cut(bytes) : [];
    if (!this.#started) {
      this.client.write(bytes);
      // ReadyForQuery: six bytes, the last of which says that no transaction is open.
      this.#started = bytes.subarray(-6).equals(READY);
      return;
    }
    for (const message of messages) {
      if (this.#answer === undefined) this.client.write(message.bytes);
      else this.#answer.push(message.bytes);
      if (message.type !== "Z" || this.#answer === undefined) continue;
      const answer = Buffer.concat(this.#answer);
      this.#answer = undefined;
      this.#answered.resolve(answer);
    }
  }

  /** The function that a request calls. */
  #nameOf(asked: readonly Message[]): string {
    const bind = asked.find(({ type }) => type === "B");
    const text = bind ? this.#statements.get(boundStatement(bind)) ?? "" : "";
    return /holdfast_private\.(?!check_fencing_token\()(\w+)\(/.exec(text)?.[1] ?? "statement";
  }
}

const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
