import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { admit } from "./caller.ts";
import { refusal, StorageError } from "./errors.ts";
import { type Answer, answerJson, type Exchange, type Services } from "./exchange.ts";
import { corrupt, type Fault, type Faults } from "./faults.ts";
import { ClientDisconnectedError, RequestBody } from "./request_body.ts";
import type { StorageRequestLog, StorageRequestRecord } from "./request_log.ts";
import { findRoute, type Match, routeMissing } from "./routes.ts";
import { send } from "./send.ts";

const ROOT = "/storage/v1";
/** Longer than clients keep idle connections, so that none is closed while a client reuses it. */
const KEEP_ALIVE_MILLISECONDS = 5 * 60 * 1000;

/** The parts of a server. */
export interface ServerParts {
  readonly services: Services;
  readonly requests: StorageRequestLog;
  readonly faults: Faults;
}

/** A listening server. */
export interface Listening {
  readonly port: number;
  /** Ends all connections. Resolves when no request is running. */
  stop(): Promise<void>;
}

/**
 * Serves on a free port of 127.0.0.1. It uses node:http, as Storage does: paths arrive as sent, a
 * head above 16 KB gives 431, and a connection can be cut without an answer.
 */
export async function serve(parts: ServerParts): Promise<Listening> {
  const running = new Set<Promise<void>>();
  const settings = { keepAliveTimeout: KEEP_ALIVE_MILLISECONDS, requestTimeout: 0 };
  const server = createServer(settings, (message, response) => {
    const handling = handle(parts, message, response);
    running.add(handling);
    handling.finally(() => running.delete(handling));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      parts.faults.clear();
      await closed;
      await Promise.allSettled(running);
    },
  };
}

/** The parsed target of a request. */
interface Target {
  /** Path below the API's root, as sent, without the query. */
  readonly path: string;
  readonly query: string;
  /** Path and query, as sent. */
  readonly full: string;
}

function targetOf(url: string): Target | undefined {
  if (url !== ROOT && !url.startsWith(`${ROOT}/`)) return undefined;
  const full = url.slice(ROOT.length);
  const [path] = full.split("?");
  return { path, query: full.slice(path.length + 1), full };
}

/** Handles a request. It never rejects: an error closes the connection. */
async function handle(
  parts: ServerParts,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = "", url = "" } = message;
  const target = targetOf(url);
  const { match, mismatch } = target ? matchOf(method, target.path) : {};
  const { record, finish } = parts.requests.begin({
    method,
    route: match?.route.label ?? `${method} ?`,
    path: target?.full ?? url,
  });
  const body = new RequestBody(message, (bytes) => record.requestBytes += bytes);
  let answer: Answer | undefined;
  try {
    answer = await underFault(parts.faults, parts.faults.take(record), async () => {
      if (!target || !match) return refused(mismatch ?? routeMissing(method, url));
      return await answerOf(parts.services, record, match, { ...target, method, message, body });
    });
    if (!answer) return void message.socket.destroy();
    await body.drain();
    record.status = answer.status;
    await send(response, answer, (bytes) => record.responseBytes += bytes);
  } catch (error) {
    message.socket.destroy();
    if (!(error instanceof ClientDisconnectedError)) console.error("storage stand-in:", error);
  } finally {
    await release(answer);
    finish();
  }
}

/** Closes the file of an answer that was not sent completely. */
async function release(answer: Answer | undefined): Promise<void> {
  const body = answer?.body;
  if (body && "stream" in body) await body.stream.cancel().catch(() => {});
}

function matchOf(method: string, path: string): { match?: Match; mismatch?: StorageError } {
  try {
    return { match: findRoute(method, path) };
  } catch (error) {
    if (error instanceof StorageError) return { mismatch: error };
    throw error;
  }
}

/** The answer under a fault; undefined if the fault suppresses it. */
async function underFault(
  faults: Faults,
  fault: Fault | undefined,
  answer: () => Promise<Answer>,
): Promise<Answer | undefined> {
  if (!fault) return await answer();
  if (fault.delayMilliseconds) await faults.delay(fault.delayMilliseconds);
  if (fault.reset === "before") return undefined;
  if (fault.status !== undefined) return faultAnswer(fault.status, fault);
  const answered = await answer();
  if (fault.reset !== "after") return corrupt(answered, fault);
  await release(answered);
  return undefined;
}

function faultAnswer(status: number, { code, message: said, retryAfterSeconds }: Fault): Answer {
  const message = said ?? "This answer was asked for by a test";
  const headers: Record<string, string> = retryAfterSeconds === undefined
    ? {}
    : { "retry-after": String(retryAfterSeconds) };
  const body = { statusCode: String(status), error: "Internal", message };
  if (code === undefined) return answerJson({ ...body, code: "InternalError" }, status, headers);
  return answerJson(code === null ? body : { ...body, code }, 400, headers);
}

/** The answer of a handler, or its error as an answer. */
async function orRefusal(answer: () => Promise<Answer>): Promise<Answer> {
  try {
    return await answer();
  } catch (error) {
    if (error instanceof ClientDisconnectedError) throw error;
    if (error instanceof StorageError) return refused(error);
    console.error("storage stand-in:", error);
    return refused(refusal.internal());
  }
}

function refused({ body, status }: StorageError): Answer {
  return answerJson(body, status);
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    headers.append(rawHeaders[at], rawHeaders[at + 1]);
  }
  return headers;
}

/** The CDN's answer or the origin's. */
function answerOf(
  services: Services,
  record: StorageRequestRecord,
  { route, bucket, name }: Match,
  request: Target & { method: string; message: IncomingMessage; body: RequestBody },
): Promise<Answer> {
  return orRefusal(async () => {
    const { method, path, full, body } = request;
    const headers = headersOf(request.message);
    const caller = admit(headers, services, route);
    const query = new URLSearchParams(request.query);
    const exchange: Exchange = { method, path, query, headers, body, caller, bucket, name };
    const { cdn } = services;
    if (!cdn.enabled) return await route.handle(services, exchange);
    const cdnRequest = { url: full, bucket, name, headers, caller };
    const kept = route.cached ? cdn.lookup(cdnRequest) : undefined;
    record.cache = kept ? "HIT" : route.cached ? "MISS" : "DYNAMIC";
    const answer = kept ?? await orRefusal(() => route.handle(services, exchange));
    const answered = kept || !route.cached ? answer : await cdn.keep(cdnRequest, answer);
    const marked = new Headers(answered.headers);
    marked.set("cf-cache-status", record.cache);
    return { ...answered, headers: marked };
  });
}
