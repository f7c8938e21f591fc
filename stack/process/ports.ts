/** Where ports for servers are taken from, both ends included. */
const FIRST_PORT = 10_240;
const LAST_PORT = 32_767;

/**
 * A port of 127.0.0.1 that nobody listens on right now.
 *
 * It lies below the range from which systems number outgoing connections (32768 and up), so that a
 * server can be stopped and started on it again without a client having taken it meanwhile. Another
 * process can still take it first: a server that finds it taken should ask for another one.
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
