import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A proxy that processes reach over the network. */
export interface NetworkProxy extends AsyncDisposable {
  readonly port: number;
}

/** Longer than any wait of a slice between two requests. */
const KEEP_ALIVE_MILLISECONDS = 300_000;

/** Opens a proxy for HTTP. If `handle` throws, the proxy cuts the connection. */
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
