/** Connects to a server on this machine; undefined if none listens. */
export async function connect(port: number): Promise<Deno.TcpConn | undefined> {
  try {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    return connection;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return undefined;
    throw error;
  }
}

/** Closes a connection or a listener. It may already be closed. */
export function close(resource: { close(): void }): void {
  try {
    resource.close();
  } catch (error) {
    ignoreClosed(error);
  }
}

/** Ignores the error for a resource that is already closed. */
export function ignoreClosed(error: unknown): void {
  if (!(error instanceof Deno.errors.BadResource)) throw error;
}
