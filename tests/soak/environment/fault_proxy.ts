import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Exchange } from "../../simulation/proxy/fault_proxy.ts";
import { type Answer, forward, readAll } from "../../simulation/processes/http_proxy.ts";
import { type NetworkProxy, openNetworkProxy } from "../../simulation/processes/network_proxy.ts";
import type { RandomFault } from "./random_faults.ts";

/** What checks need of a request that passed the proxy. */
export type Passed = Pick<Exchange, "method" | "path" | "query" | "status">;

/** Chooses faults and observes requests. */
export interface FaultHandler {
  /** The fault of the next request; undefined for none. */
  strike(path: string): RandomFault | undefined;
  /** Called with each request that the server executed. */
  passed(request: Passed): void;
}

/** The delay of a slow response. */
const SLOW_MILLISECONDS = 1_500;

/**
 * A proxy before an HTTP server that injects faults. It forwards requests unchanged, because they
 * are signed.
 */
export function openFaultProxy(
  upstreamPort: () => number,
  handler: FaultHandler,
): Promise<NetworkProxy> {
  return openNetworkProxy(async (message, response) => {
    const body = await readAll(message);
    const [path = ""] = (message.url ?? "").split("?");
    const send = async () => {
      const answer = await forward(upstreamPort(), message, body);
      handler.passed(passedOf(message, answer.status));
      return answer;
    };
    await respondWithFault(handler.strike(path), send, response);
  });
}

function passedOf({ method = "", url = "" }: IncomingMessage, status: number): Passed {
  const [path = "", query = ""] = url.split("?");
  return { method, path, query, status };
}

/** Responds to a request under a fault. Throws if the connection must end without a response. */
async function respondWithFault(
  fault: RandomFault | undefined,
  send: () => Promise<Answer>,
  response: ServerResponse,
): Promise<void> {
  switch (fault) {
    case "cut_before":
      throw new Error("cut before the request was carried out");
    case "lose_reply":
      await send();
      throw new Error("cut before the answer");
    case "status_429":
      return give(response, 429, { "retry-after": "1" }, "slow down");
    case "status_503":
      return give(response, 503, {}, "");
    case "html_page":
      return give(response, 502, { "content-type": "text/html" }, "<html>Bad gateway</html>");
    case "empty_200":
      return give(response, 200, {}, "");
    case "slow":
      await new Promise((resolve) => setTimeout(resolve, SLOW_MILLISECONDS));
      return pass(response, await send());
    case "doubled": {
      const [answer] = await Promise.all([send(), send()]);
      return pass(response, answer);
    }
    default:
      return pass(response, corruptResponse(await send(), fault), fault === "truncated_body");
  }
}

function give(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: string,
): void {
  response.writeHead(status, { ...headers, "content-length": String(body.length) });
  response.end(body);
}

/** @param cut whether the connection ends with the body, which is shorter than its length says */
async function pass(response: ServerResponse, answer: Answer, cut = false): Promise<void> {
  response.writeHead(answer.status, answer.rawHeaders);
  if (!cut) return void response.end(answer.body);
  await new Promise((resolve) => response.write(answer.body, resolve));
  throw new Error("cut within the answer");
}

function corruptResponse(answer: Answer, fault: RandomFault | undefined): Answer {
  const { body, rawHeaders } = answer;
  switch (fault) {
    case "truncated_body":
      return { ...answer, body: body.subarray(0, body.length >> 1) };
    case "longer_body":
      return {
        ...answer,
        rawHeaders: without(rawHeaders, "content-length"),
        body: Buffer.concat([body, Buffer.from("and more")]),
      };
    case "wrong_etag":
      return {
        ...answer,
        rawHeaders: [...without(rawHeaders, "etag"), "etag", `"${"0".repeat(32)}"`],
      };
    default:
      return answer;
  }
}

function without(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, at) => rawHeaders[at - at % 2]!.toLowerCase() !== name);
}
