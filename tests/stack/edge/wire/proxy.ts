import { copyBody, requestFraming, responseFraming } from "./body.ts";
import { closesConnection, Head, readHead } from "./head.ts";
import {
  encodeBytes,
  OversizedHeadError,
  TruncatedMessageError,
  WireReader,
  writeAll,
} from "./reader.ts";

/** A response that the proxy gives itself. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  /** Sent as JSON where it is not a string. */
  body?: unknown;
}

/** What becomes of a request. */
export type Route = Answer | {
  /** The server on 127.0.0.1 that the request goes to. */
  port: number;
  /** The head it goes there with; its body follows untouched. */
  head: Head;
  /** The head that the client gets for the server's. */
  rewriteResponse?: (head: Head) => Head;
  /** What the client gets where the server cannot be reached, or hangs up without a response. */
  unreachable: Answer;
  /** Called once, when the response is sent or the exchange is broken off. */
  done?: () => void;
};

/** A request as the proxy's owner sees it. */
export interface ProxyRequest {
  method: string;
  /** Path and query as they came, percent-encoding and doubled slashes untouched. */
  target: string;
  head: Head;
}

/** A running proxy. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Closes the listener and all connections, and waits until nothing of them is left. */
  stop(): Promise<void>;
}

type Forward = Exclude<Route, Answer>;

/**
 * A reverse proxy on 127.0.0.1 that passes bodies on as they stand on the wire, in both directions
 * and without holding them: lengths, chunks and content encodings stay, and a body cut short on one
 * side is cut short on the other. `fetch` would drop lengths, decode gzip and ask for it unasked.
 */
export function serveProxy(
  route: (request: ProxyRequest) => Promise<Route> | Route,
  options: { port?: number } = {},
): Proxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: options.port ?? 0 });
  const open = new Set<Deno.TcpConn>();
  const running = new Set<Promise<void>>();

  async function acceptAll() {
    for await (const client of listener) {
      const serving = serveConnection(client, route, open);
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

/** Serves the requests of one client, one after the other. Never rejects: what fails is closed. */
async function serveConnection(
  client: Deno.TcpConn,
  route: (request: ProxyRequest) => Promise<Route> | Route,
  open: Set<Deno.TcpConn>,
): Promise<void> {
  open.add(client);
  try {
    client.setNoDelay(true);
    const reader = new WireReader(client);
    while (await serveRequest(client, reader, route, open));
  } catch (error) {
    if (error instanceof OversizedHeadError) {
      await sendAnswer(client, { status: 431 }, true).catch(() => undefined);
    } // A side that hung up is told to the other one by closing; anything else is a fault of ours.
    else if (!isHangUp(error)) console.error("proxying:", error);
  } finally {
    open.delete(client);
    close(client);
  }
}

/** Serves one request; false when the connection has to be closed after it. */
async function serveRequest(
  client: Deno.TcpConn,
  reader: WireReader,
  route: (request: ProxyRequest) => Promise<Route> | Route,
  open: Set<Deno.TcpConn>,
): Promise<boolean> {
  const head = await readHead(reader);
  if (head === undefined) return false;
  const [method = "", target = ""] = head.startLine.split(" ");
  const chosen = await chooseRoute(route, { method, target, head });
  if ("status" in chosen) {
    await sendAnswer(client, chosen, closesConnection(head));
    await copyBody(reader, requestFraming(head), discard);
    return !closesConnection(head);
  }
  try {
    return await forward(client, reader, head, chosen, open);
  } finally {
    chosen.done?.();
  }
}

/** A route that throws is a fault of the stack: it is shown, and the client gets a 500. */
async function chooseRoute(
  route: (request: ProxyRequest) => Promise<Route> | Route,
  request: ProxyRequest,
): Promise<Route> {
  try {
    return await route(request);
  } catch (error) {
    console.error(`routing ${request.method} ${request.target}:`, error);
    return { status: 500, body: { message: "The gateway failed" } };
  }
}

const discard = () => Promise.resolve();

async function forward(
  client: Deno.TcpConn,
  reader: WireReader,
  head: Head,
  chosen: Forward,
  open: Set<Deno.TcpConn>,
): Promise<boolean> {
  const server = await connect(chosen.port);
  if (server === undefined) {
    await sendAnswer(client, chosen.unreachable, closesConnection(head));
    await copyBody(reader, requestFraming(head), discard);
    return !closesConnection(head);
  }
  open.add(server);
  try {
    return await new Exchange(client, reader, server, head, chosen).run();
  } finally {
    open.delete(server);
    close(server);
  }
}

/** One request that is passed to a server, and its response. */
class Exchange {
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
      await sendAnswer(this.client, this.chosen.unreachable, true);
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

function isHangUp(error: unknown): boolean {
  return error instanceof TruncatedMessageError ||
    Object.values(Deno.errors).some((kind) => error instanceof kind);
}

async function sendAnswer(client: Deno.TcpConn, answer: Answer, closing: boolean): Promise<void> {
  const json = typeof answer.body !== "string";
  const text = answer.body === undefined
    ? ""
    : json
    ? JSON.stringify(answer.body)
    : String(answer.body);
  const body = new TextEncoder().encode(text);
  const fields: Record<string, string> = {
    ...(text === "" ? {} : { "content-type": json ? "application/json" : "text/plain" }),
    ...answer.headers,
    "content-length": String(body.length),
    "connection": closing ? "close" : "keep-alive",
  };
  const head = new Head(`HTTP/1.1 ${answer.status} `, Object.entries(fields));
  await writeAll(client, encodeBytes(head.toString()));
  await writeAll(client, body);
}

async function connect(port: number): Promise<Deno.TcpConn | undefined> {
  try {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    return connection;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return undefined;
    throw error;
  }
}

function close(resource: { close(): void }): void {
  try {
    resource.close();
  } catch (error) {
    ignoreClosed(error);
  }
}

function ignoreClosed(error: unknown): void {
  if (!(error instanceof Deno.errors.BadResource)) throw error;
}
