import { Head } from "./head.ts";
import { encodeBytes, writeAll } from "./reader.ts";

/** A response of the proxy itself. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  /** Sent as JSON if it is not a string. */
  body?: unknown;
}

/** Sends an answer; `closing` tells the client that the connection ends with it. */
export async function sendAnswer(
  client: Deno.TcpConn,
  answer: Answer,
  closing: boolean,
): Promise<void> {
  const { type, text } = describeBody(answer.body);
  const body = new TextEncoder().encode(text);
  const fields: Record<string, string> = {
    ...type,
    ...answer.headers,
    "content-length": String(body.length),
    "connection": closing ? "close" : "keep-alive",
  };
  const head = new Head(`HTTP/1.1 ${answer.status} `, Object.entries(fields));
  await writeAll(client, encodeBytes(head.toString()));
  await writeAll(client, body);
}

function describeBody(body: unknown): { type: Record<string, string>; text: string } {
  if (body === undefined) return { type: {}, text: "" };
  if (typeof body === "string") return { type: { "content-type": "text/plain" }, text: body };
  return { type: { "content-type": "application/json" }, text: JSON.stringify(body) };
}
