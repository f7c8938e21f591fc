import type { ServerResponse } from "node:http";
import type { Answer, BodyStream } from "./exchange.ts";

/**
 * Sends an answer. Resolves when it is sent or the client has disconnected. If a stream ends before
 * its length, the connection is cut, so that the client detects it.
 */
export async function send(
  response: ServerResponse,
  { status, headers, body }: Answer,
  sent: (bytes: number) => void,
): Promise<void> {
  const fields = Object.fromEntries(headers);
  if (body !== null) fields["content-length"] = String(body.length);
  else if (response.req.method !== "HEAD" && status !== 304) fields["content-length"] = "0";
  response.writeHead(status, fields);
  if (body instanceof Uint8Array) {
    sent(body.length);
    response.write(body);
  } else if (body !== null && !await sendStream(response, body, sent)) {
    response.destroy();
  }
  await end(response);
}

/** Sends a stream, and returns whether all of it was sent. */
async function sendStream(
  response: ServerResponse,
  { length, stream }: BodyStream,
  sent: (bytes: number) => void,
): Promise<boolean> {
  const closed = new Promise<void>((resolve) => response.once("close", resolve));
  let left = length;
  response.flushHeaders();
  // Leaving the loop before its end cancels the stream, which closes its file.
  for await (const chunk of stream) {
    if (response.destroyed) return false;
    const written = new Promise<void>((resolve) => response.write(chunk, () => resolve()));
    await Promise.race([written, closed]);
    sent(chunk.length);
    left -= chunk.length;
  }
  return left === 0;
}

function end(response: ServerResponse): Promise<void> {
  if (response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    response.once("close", resolve);
    response.end(() => resolve());
  });
}
