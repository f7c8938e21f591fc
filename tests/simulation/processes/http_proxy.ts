import { Buffer } from "node:buffer";
import { type IncomingMessage, request as sendRequest } from "node:http";
import type { Exchange, Request } from "../proxy/fault_proxy.ts";
import { actionOf } from "../proxy/request_kinds.ts";
import { type NetworkProxy, openNetworkProxy } from "./network_proxy.ts";

/** Lets a request of whatever process is at work through, or not. */
export type Pass = <Result>(request: Request<Result>) => Promise<Result>;

/** Header of what a scenario's users ask for: no step of a lane, and let through at once. */
export const BYPASS_HEADER = "x-by-hand";

/** Doors on the network know what happens to lanes; servers are well here. */
export function unknownFault(fault: string): Promise<never> {
  return Promise.reject(new RangeError(`${fault} is not to be had with processes`));
}

/** What a server answered, all of it. */
export interface Answer {
  readonly status: number;
  readonly rawHeaders: string[];
  readonly body: Buffer;
}

/**
 * Stands before an HTTP server. Requests go on as they came, Host included, for that is signed. One
 * that the door does not let through, or whose answer it loses, has its connection cut.
 */
export function openHttpProxy(
  party: "storage" | "s3",
  upstreamPort: () => number,
  pass: Pass,
  exchanged: (exchange: Omit<Exchange, "step">) => void,
): Promise<NetworkProxy> {
  return openNetworkProxy(async (message, response) => {
    const { method = "", url = "" } = message;
    const [path = "", query = ""] = url.split("?");
    const body = await readAll(message);
    const answer = BYPASS_HEADER in message.headers
      ? await forward(upstreamPort(), message, body)
      : await pass({
        party,
        action: actionOf(party, method, path, query),
        send: async () => {
          const sent = await forward(upstreamPort(), message, body);
          exchanged({ party, method, origin: "", path, query, status: sent.status });
          return sent;
        },
        sendUnder: unknownFault,
        lost: () => new Error("the answer was lost"),
      });
    response.writeHead(answer.status, answer.rawHeaders);
    response.end(answer.body);
  });
}

/** All that a message carries. */
export async function readAll(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Sends a request on as it came, with its headers, and waits for the whole answer. */
export function forward(port: number, message: IncomingMessage, body: Buffer): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined && name !== "connection" && name !== "transfer-encoding") {
      headers[name] = value;
    }
  }
  const sent = sendRequest({
    host: "127.0.0.1",
    port,
    method: message.method,
    path: message.url,
    // What came in chunks goes on in one.
    headers: { ...headers, ...(body.length > 0 && { "content-length": String(body.length) }) },
    agent: false,
  }, (answer) => {
    readAll(answer).then((text) => {
      resolve({ status: answer.statusCode ?? 0, rawHeaders: keptHeaders(answer), body: text });
    }, reject);
  });
  sent.on("error", reject);
  sent.end(body);
  return promise;
}

/** Of an answer, all headers but those of its own connection. */
function keptHeaders({ rawHeaders }: IncomingMessage): string[] {
  const kept: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase();
    if (name === "connection" || name === "keep-alive" || name === "transfer-encoding") continue;
    kept.push(rawHeaders[at]!, rawHeaders[at + 1]!);
  }
  return kept;
}
