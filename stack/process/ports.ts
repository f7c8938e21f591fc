/** The range of ports for servers; both limits are included. */
const FIRST_PORT = 10_240;
const LAST_PORT = 32_767;

/**
 * Returns a port of 127.0.0.1 on which no process listens.
 *
 * The port is below the range that systems use for outgoing connections (32768 and up). So no
 * client takes it while a server restarts. Another process can still take it first: a server that
 * finds it in use should call this function again.
 */
export function freePort(): number {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT + 1));
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error("no free port found on 127.0.0.1");
}
