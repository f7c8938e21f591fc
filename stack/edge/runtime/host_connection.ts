import type { Order, Report } from "./protocol.ts";

/** The process's end of the connection to its host. */
export interface HostConnection {
  report(report: Report): void;
  onOrder(listener: (order: Order) => void): void;
}

/**
 * Connects to the host. If the host closes the connection, the process exits: it is unreachable.
 */
export async function connectToHost(port: number, token: string): Promise<HostConnection> {
  const exit = Deno.exit;
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  let written = writeLine(connection, token);
  let listener: (order: Order) => void = () => undefined;

  async function readOrders() {
    let rest = "";
    for await (const text of connection.readable.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) listener(JSON.parse(line));
    }
  }
  const exitProcess = () => exit(1);
  readOrders().then(exitProcess, exitProcess);

  return {
    report(report) {
      written = written.then(() => writeLine(connection, JSON.stringify(report))).catch(
        exitProcess,
      );
    },
    onOrder(newListener) {
      listener = newListener;
    },
  };
}

async function writeLine(connection: Deno.Conn, line: string): Promise<void> {
  const bytes = new TextEncoder().encode(`${line}\n`);
  let count = 0;
  while (count < bytes.length) count += await connection.write(bytes.subarray(count));
}
