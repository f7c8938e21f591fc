import { Buffer } from "node:buffer";
import { type IncomingMessage, request as sendRequest } from "node:http";
import type { Exchange, Request } from "../proxy/fault_proxy.ts";
import { actionOf } from "../proxy/request_kinds.ts";
import { type NetworkProxy, openNetworkProxy } from "./network_proxy.ts";

/** Passes a request of a process on, or injects a fault into it. */
export type Pass = <Result>(request: Request<Result>) => Promise<Result>;

/** Header of a request that a scenario makes itself: it is no step and passes at once. */
export const BYPASS_HEADER = "x-bypass-proxy";

/** Network proxies inject workers' faults only, no faults of servers. */
export function unknownFault(fault: string): Promise<never> {
  return Promise.reject(new RangeError(`${fault} cannot be injected into processes`));
}

/** A complete response. */
export interface Answer {
  readonly status: number;
  readonly rawHeaders: string[];
  readonly body: Buffer;
}

/**
 * A proxy before an HTTP server. It forwards requests unchanged, Host included because that is signed.
 * It cuts the connection of a request that does not pass or whose response is lost.
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
        lost: () => new Error("the response was lost"),
      });
    response.writeHead(answer.status, answer.rawHeaders);
    response.end(answer.body);
  });
}

/** Reads a message's body. */
export async function readAll(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Forwards a request with its headers and waits for the complete response. */
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
    // A chunked body is forwarded in one piece.
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

/** A response's headers without those of its connection. */
function keptHeaders({ rawHeaders }: IncomingMessage): string[] {
  const kept: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase();
    if (name === "connection" || name === "keep-alive" || name === "transfer-encoding") continue;
    kept.push(rawHeaders[at]!, rawHeaders[at + 1]!);
  }
  return kept;
}
