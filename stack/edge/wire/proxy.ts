import { type Answer, sendAnswer } from "./answer.ts";
import { copyBody, requestFraming } from "./body.ts";
import { close, connect, ignoreClosed } from "./connection.ts";
import { Exchange, type Forward } from "./exchange.ts";
import { closesConnection, type Head, readHead } from "./head.ts";
import { OversizedHeadError, TruncatedMessageError, WireReader } from "./reader.ts";

export type { Answer } from "./answer.ts";
export type { Forward } from "./exchange.ts";

/** The decision for a request: answer or forward it. */
export type Route = Answer | Forward;

/** A request as the router receives it. */
export interface ProxyRequest {
  method: string;
  /** Path and query as received, with unchanged percent-encoding and doubled slashes. */
  target: string;
  head: Head;
}

/** Decides how to handle a request. */
export type Router = (request: ProxyRequest) => Promise<Route> | Route;

/** A running proxy. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Closes the listener and all connections. Resolves when all requests have ended. */
  stop(): Promise<void>;
}

/**
 * Serves a reverse proxy on 127.0.0.1. It streams bodies unchanged in both directions: lengths,
 * chunks and content encodings stay, and a truncated body arrives truncated. It does not use
 * `fetch`, which drops lengths, requests gzip by itself and decodes it.
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

/** The connection of one client, which carries requests one after the other. */
class ClientConnection {
  readonly #reader: WireReader;

  constructor(
    readonly client: Deno.TcpConn,
    readonly router: Router,
    /** All open connections of the proxy to clients and servers. */
    readonly open: Set<Deno.TcpConn>,
  ) {
    this.#reader = new WireReader(client);
  }

  /** Serves all requests. It never rejects: on failure it closes the connection. */
  async serve(): Promise<void> {
    this.open.add(this.client);
    try {
      this.client.setNoDelay(true);
      while (await this.#serveRequest());
    } catch (error) {
      if (error instanceof OversizedHeadError) await this.#refuseHead();
      // A disconnect closes the other side below. Any other error is a bug in the proxy.
      else if (!isHangUp(error)) console.error("proxying:", error);
    } finally {
      this.open.delete(this.client);
      close(this.client);
    }
  }

  async #refuseHead(): Promise<void> {
    await sendAnswer(this.client, { status: 431 }, true).catch(() => undefined);
  }

  /** Serves one request; false if the connection must be closed after it. */
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

  /** Calls the router. If it throws, the error is logged and the client gets a 500. */
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
    // Closing with unread bytes would reset the connection before the client has the answer.
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
