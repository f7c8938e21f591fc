import { type Answer, sendAnswer } from "./answer.ts";
import { copyBody, requestFraming } from "./body.ts";
import { close, connect, ignoreClosed } from "./connection.ts";
import { Exchange, type Forward } from "./exchange.ts";
import { closesConnection, type Head, readHead } from "./head.ts";
import { OversizedHeadError, TruncatedMessageError, WireReader } from "./reader.ts";

export type { Answer } from "./answer.ts";
export type { Forward } from "./exchange.ts";

/** What becomes of a request. */
export type Route = Answer | Forward;

/** A request as the proxy's owner sees it. */
export interface ProxyRequest {
  method: string;
  /** Path and query as they came, percent-encoding and doubled slashes untouched. */
  target: string;
  head: Head;
}

/** Decides what becomes of a request. */
export type Router = (request: ProxyRequest) => Promise<Route> | Route;

/** A running proxy. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Closes the listener and all connections, and waits until nothing of them is left. */
  stop(): Promise<void>;
}

/**
 * A reverse proxy on 127.0.0.1 that passes bodies on as they stand on the wire, in both directions
 * and without holding them: lengths, chunks and content encodings stay, and a body cut short on one
 * side is cut short on the other. `fetch` would drop lengths, decode gzip and ask for it unasked.
 */
export function serveProxy(router: Router, options: { port?: number } = {}): Proxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: options.port ?? 0 });
  const open = new Set<Deno.TcpConn>();
  const running = new Set<Promise<void>>();

  async function acceptAll() {
    for await (const client of listener) {
      const serving = new ClientConnection(client, router, open).serve();
      running.add(serving);
      serving.finally(() => running.delete(serving));
    }
  }
  const accepting = acceptAll();

  async function stop() {
    close(listener);
    for (const connection of open) close(connection);
    await accepting.catch(ignoreClosed);
    await Promise.all(running);
  }
  return { port: listener.addr.port, stop, [Symbol.asyncDispose]: stop };
}

/** The connection of one client, and the requests that come over it one after the other. */
class ClientConnection {
  readonly #reader: WireReader;

  constructor(
    readonly client: Deno.TcpConn,
    readonly router: Router,
    /** Every open connection of the proxy, to clients and servers. */
    readonly open: Set<Deno.TcpConn>,
  ) {
    this.#reader = new WireReader(client);
  }

  /** Never rejects: what fails is closed. */
  async serve(): Promise<void> {
    this.open.add(this.client);
    try {
      this.client.setNoDelay(true);
      while (await this.#serveRequest());
    } catch (error) {
      if (error instanceof OversizedHeadError) await this.#refuseHead();
      // That a side hung up is told to the other one by closing; the rest is a fault of ours.
      else if (!isHangUp(error)) console.error("proxying:", error);
    } finally {
      this.open.delete(this.client);
      close(this.client);
    }
  }

  async #refuseHead(): Promise<void> {
    await sendAnswer(this.client, { status: 431 }, true).catch(() => undefined);
  }

  /** Serves one request; false when the connection has to be closed after it. */
  async #serveRequest(): Promise<boolean> {
    const head = await readHead(this.#reader);
    if (head === undefined) return false;
    let chosen = await this.#route(head);
    while ("port" in chosen) {
      const { keepOpen, refused } = await this.#forward(head, chosen);
      if (!refused) return keepOpen;
      chosen = await chosen.refused();
    }
    return await this.#answer(head, chosen);
  }

  /** A router that throws is a fault of the stack: it is shown, and the client gets a 500. */
  async #route(head: Head): Promise<Route> {
    const [method = "", target = ""] = head.startLine.split(" ");
    try {
      return await this.router({ method, target, head });
    } catch (error) {
      console.error(`routing ${method} ${target}:`, error);
      return { status: 500, body: { message: "The gateway failed" } };
    }
  }

  async #answer(head: Head, answer: Answer): Promise<boolean> {
    const closing = closesConnection(head);
    await sendAnswer(this.client, answer, closing);
    // Closing on unread bytes would reset the connection before the client has the answer.
    await copyBody(this.#reader, requestFraming(head), () => Promise.resolve());
    return !closing;
  }

  async #forward(
    head: Head,
    chosen: Forward,
  ): Promise<{ keepOpen: boolean; refused: boolean }> {
    const server = await connect(chosen.port);
    if (server === undefined) {
      chosen.done?.();
      return { keepOpen: true, refused: true };
    }
    this.open.add(server);
    try {
      const exchange = new Exchange(this.client, this.#reader, server, head, chosen);
      return { keepOpen: await exchange.run(), refused: false };
    } finally {
      this.open.delete(server);
      close(server);
      chosen.done?.();
    }
  }
}

function isHangUp(error: unknown): boolean {
  return error instanceof TruncatedMessageError ||
    Object.values(Deno.errors).some((kind) => error instanceof kind);
}
