import { readText, writeAll } from "../../support/raw_connection.ts";
import type { SignedRequest } from "./http.ts";

/**
 * Sends a request byte by byte, for what `fetch` would set right by itself, and gives the answer as
 * it came. `pieces` follow the head as they are; the connection is closed behind the last where
 * `hangUp` is set, else once the server ended it.
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
