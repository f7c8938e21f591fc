import { readText, writeAll } from "../../support/raw_connection.ts";
import type { SignedRequest } from "./http.ts";

/**
 * Sends a raw request, which `fetch` would correct, and returns the raw response. `pieces` follow the
 * head unchanged. With `hangUp` the client closes the connection after the last piece, else it waits
 * for the server to close it.
 */
export async function sendRaw(
  request: SignedRequest,
  pieces: readonly (string | Uint8Array)[],
  options: { hangUp?: boolean } = {},
): Promise<string> {
  const { url, method } = request;
  const secure = url.protocol === "https:";
  const address = { hostname: url.hostname, port: Number(url.port || (secure ? 443 : 80)) };
  using connection = secure ? await Deno.connectTls(address) : await Deno.connect(address);
  const headers = new Headers(request.headers);
  if (!headers.has("host")) headers.set("host", url.host);
  headers.set("connection", "close");
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("")}\r\n`;
  for (const piece of [head, ...pieces]) await writeAll(connection, piece);
  return options.hangUp ? "" : await readText(connection);
}
