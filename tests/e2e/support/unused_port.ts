/** A port of 127.0.0.1 on which nobody listens: it was free a moment ago. */
export function unusedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
