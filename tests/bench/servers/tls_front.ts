/** TLS before a plaintext port of this machine. */

/** A listener that passes bytes on. */
export interface TlsFront {
  readonly port: number;
  /** Closes the listener and every connection. */
  stop(): Promise<void>;
}

/** Serves TLS on a free port of 127.0.0.1 and forwards the bytes to `port`. */
export function serveTls(port: number, tls: { cert: string; key: string }): TlsFront {
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...tls });
  const open = new Set<Deno.Conn>();
  const running = new Set<Promise<void>>();

  async function serve(client: Deno.TlsConn): Promise<void> {
    const server = await Deno.connect({ hostname: "127.0.0.1", port });
    server.setNoDelay(true);
    open.add(client).add(server);
    // The first side that ends closes both: HTTP/1.1 never continues in one direction only.
    await Promise.allSettled([pass(client, server), pass(server, client)]);
    open.delete(client);
    open.delete(server);
  }

  async function acceptAll(): Promise<void> {
    for await (const client of listener) {
      const serving = serve(client).catch((error) => console.error("TLS front:", error));
      running.add(serving);
      serving.finally(() => running.delete(serving));
    }
  }
  const accepting = acceptAll();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    async stop() {
      listener.close();
      for (const connection of open) close(connection);
      await accepting.catch(() => undefined);
      await Promise.all(running);
    },
  };
}

async function pass(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  try {
    for (let count = await from.read(buffer); count; count = await from.read(buffer)) {
      for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
    }
  } finally {
    close(from);
    close(to);
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
