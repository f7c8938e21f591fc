import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A door that processes come to over the network. */
export interface NetworkProxy extends AsyncDisposable {
  readonly port: number;
}

/** Longer than any retry of a slice waits between two requests. */
const KEEP_ALIVE_MILLISECONDS = 300_000;

/** Opens a door for HTTP; where `handle` throws, whoever asked sees a connection that ends. */
export async function openNetworkProxy(
  handle: (message: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<NetworkProxy> {
  const server = createServer(
    { requestTimeout: 0, keepAliveTimeout: KEEP_ALIVE_MILLISECONDS },
    (message, response) => void handle(message, response).catch(() => message.socket.destroy()),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
