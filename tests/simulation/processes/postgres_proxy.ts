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
 * Stands before PostgreSQL. What a client sends up to a Sync is one request, which the door lets
 * through whole; its answer ends with ReadyForQuery. Where the door does not, or loses the answer,
 * both connections are cut.
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
      // What a cut connection means is told by its close.
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
  #turn: Promise<void> = Promise.resolve();

  constructor(readonly client: Socket, readonly upstream: Socket, readonly pass: Pass) {
    client.on("data", (bytes) => this.#onClient(bytes));
    upstream.on("data", (bytes) => this.#onServer(bytes));
    upstream.on("close", () => this.#answered.reject(new Error("the server hung up")));
    this.#answered.promise.catch(() => undefined);
  }

  #onClient(bytes: Buffer): void {
    // Until the server is ready, what is said has another form and is nobody's step.
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
    this.#turn = this.#turn.then(() => this.#send(asked, message.type)).catch(() => {
      this.client.destroy();
      this.upstream.destroy();
    });
  }

  async #send(asked: readonly Message[], end: string): Promise<void> {
    const bytes = Buffer.concat(asked.map((message) => message.bytes));
    // A Flush asks what a statement takes, which changes nothing and has no end of its own.
    if (end !== "S" && end !== "Q") return void this.upstream.write(bytes);
    // What a process asked for before it was killed is no step of those that come after it.
    if (this.client.destroyed) return;
    const answer = await this.pass({
      party: "sql",
      action: this.#nameOf(asked),
      send: async () => {
        this.#answer = [];
        this.#answered = Promise.withResolvers();
        // Its close has been told before there was anybody to tell.
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
      // ReadyForQuery: six bytes, the last of which tells of no transaction.
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
    return /holdfast\.(?!expect_commit\()(\w+)\(/.exec(text)?.[1] ?? "statement";
  }
}

const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
