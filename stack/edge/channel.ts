import { type Order, type Report } from "./runtime/protocol.ts";

/** The host's end of the connection to one function's process. */
export interface ProcessConnection {
  /** Sends an order. It has no effect if the process has ended. */
  order(order: Order): void;
}

/** The server to which functions' processes report. */
export interface Channel {
  readonly port: number;
  /** Creates a token for a process that is about to start. Its reports go to `onReport`. */
  expect(onReport: (report: Report, connection: ProcessConnection) => void): string;
  stop(): Promise<void>;
}

type Listener = (report: Report, connection: ProcessConnection) => void;

/** Listens for connections of functions' processes on a free port of 127.0.0.1. */
export function openChannel(): Channel {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const expected = new Map<string, Listener>();
  const open = new Set<Deno.Conn>();
  const running = new Set<Promise<void>>();

  async function acceptAll() {
    for await (const connection of listener) {
      open.add(connection);
      const reading = readReports(connection, expected).catch(() => undefined);
      running.add(reading);
      reading.then(() => {
        open.delete(connection);
        running.delete(reading);
      });
    }
  }
  const accepting = acceptAll();

  return {
    port: listener.addr.port,
    expect(onReport) {
      const token = crypto.randomUUID();
      expected.set(token, onReport);
      return token;
    },
    async stop() {
      listener.close();
      for (const connection of open) close(connection);
      await accepting.catch(() => undefined);
      await Promise.all(running);
    },
  };
}

async function readReports(connection: Deno.Conn, expected: Map<string, Listener>): Promise<void> {
  const order = (order: Order) => {
    const line = new TextEncoder().encode(`${JSON.stringify(order)}\n`);
    connection.write(line).catch(() => undefined);
  };
  try {
    let listener: Listener | undefined;
    let rest = "";
    for await (const bytes of readAll(connection)) {
      const lines = (rest + bytes).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (listener !== undefined) {
          listener(JSON.parse(line), { order });
          continue;
        }
        listener = expected.get(line);
        expected.delete(line);
        if (listener === undefined) return;
      }
    }
  } finally {
    close(connection);
  }
}

async function* readAll(connection: Deno.Conn): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  for (let count = await connection.read(buffer); count; count = await connection.read(buffer)) {
    yield decoder.decode(buffer.subarray(0, count), { stream: true });
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
