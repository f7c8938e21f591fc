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
  return options.hangUp ? "" : await readAll(connection);
}

async function writeAll(connection: Deno.Conn, piece: string | Uint8Array): Promise<void> {
  const bytes = typeof piece === "string" ? new TextEncoder().encode(piece) : piece;
  for (let offset = 0; offset < bytes.byteLength;) {
    offset += await connection.write(bytes.subarray(offset));
  }
}

async function readAll(connection: Deno.Conn): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(64 * 1024);
  let text = "";
  for (let count = await connection.read(buffer); count; count = await connection.read(buffer)) {
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  return text;
}
