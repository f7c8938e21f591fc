import { admit } from "./caller.ts";
import { refusal, StorageError } from "./errors.ts";
import { type Answer, answerJson, type Exchange, type Services } from "./exchange.ts";
import { type Fault, type Faults, spoil } from "./faults.ts";
import { RequestBody } from "./request_body.ts";
import type { RequestLog, RequestRecord } from "./request_log.ts";
import { findRoute, type Match, routeMissing } from "./routes.ts";

const ROOT = "/storage/v1";
/** Node's HTTP server, which Storage runs on, takes no more; bytes. */
const LARGEST_HEAD_BYTES = 16 * 1024;

/** What a server is made of. */
export interface ServerParts {
  readonly services: Services;
  readonly requests: RequestLog;
  readonly faults: Faults;
}

/** A server on a free port of 127.0.0.1. */
export function serve(parts: ServerParts): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => handle(parts, request),
  );
}

/** The path below the API's root as it was sent, and the query; undefined where it lies elsewhere. */
function targetOf(request: Request): { path: string; query: string; full: string } | undefined {
  // Not by URL, which would take `.` and `..` out of a path: the server's own string is as sent.
  const sent = request.url.replace(/^[a-z]+:\/\/[^/?]*/, "");
  const [path, query = ""] = [sent.split("?")[0], sent.split("?").slice(1).join("?")];
  if (path !== ROOT && !path.startsWith(`${ROOT}/`)) return undefined;
  return { path: path.slice(ROOT.length) || "/", query, full: sent.slice(ROOT.length) };
}

async function handle(parts: ServerParts, request: Request): Promise<Response> {
  const target = targetOf(request);
  if (!target) return new Response(null, { status: 404 });
  const { match, mismatch } = matchOf(request.method, target.path);
  const { record, finish } = parts.requests.begin({
    method: request.method,
    route: match?.route.label ?? `${request.method} ?`,
    path: target.full,
  });
  const body = new RequestBody(request.body, record);
  try {
    const fault = parts.faults.take(record);
    const answer = await underFault(fault, body, async () => {
      if (!match) throw mismatch ?? routeMissing(request.method, target.full);
      if (headBytes(request, target.full) > LARGEST_HEAD_BYTES) return headTooLarge();
      return await answerOf(parts.services, record, match, { ...target, request, body });
    });
    await body.drain();
    return respond(record, finish, answer);
  } catch (error) {
    // Only what this server itself got wrong comes here.
    finish();
    throw error;
  }
}

function matchOf(method: string, path: string): { match?: Match; mismatch?: StorageError } {
  try {
    return { match: findRoute(method, path) };
  } catch (error) {
    if (error instanceof StorageError) return { mismatch: error };
    throw error;
  }
}

/** Answers, with what the fault does before, instead and after. */
async function underFault(
  fault: Fault | undefined,
  body: RequestBody,
  answer: () => Promise<Answer>,
): Promise<Answer> {
  if (!fault) return await orRefusal(body, answer);
  if (fault.delayMilliseconds) {
    await new Promise((done) => setTimeout(done, fault.delayMilliseconds));
  }
  if (fault.reset === "before") return spoil(answerJson({}), fault);
  if (fault.status === undefined) return spoil(await orRefusal(body, answer), fault);
  return spoil(faultAnswer(fault.status, fault), fault);
}

function faultAnswer(status: number, { retryAfterSeconds }: Fault): Answer {
  const message = "This answer was asked for by a test";
  const headers: Record<string, string> = retryAfterSeconds === undefined
    ? {}
    : { "retry-after": String(retryAfterSeconds) };
  const body = { statusCode: String(status), error: "Internal", message, code: "InternalError" };
  return answerJson(body, status, headers);
}

async function orRefusal(body: RequestBody, answer: () => Promise<Answer>): Promise<Answer> {
  try {
    return await answer();
  } catch (error) {
    // A client that broke off a body hears nothing any more.
    if (!(error instanceof StorageError) && !body.broken) {
      console.error("storage stand-in:", error);
    }
    const refused = error instanceof StorageError ? error : refusal.internal();
    return answerJson(refused.body, refused.status);
  }
}

/** The CDN's answer or the origin's. */
async function answerOf(
  services: Services,
  record: RequestRecord,
  { route, bucket, name }: Match,
  { path, query, full, request, body }: {
    path: string;
    query: string;
    full: string;
    request: Request;
    body: RequestBody;
  },
): Promise<Answer> {
  const { method, headers } = request;
  const caller = admit(headers, services.jwtSecret, route);
  const exchange: Exchange = {
    ...{ method, path, headers, body, caller, bucket, name },
    query: new URLSearchParams(query),
  };
  const { cdn } = services;
  if (!cdn.enabled) return await route.handle(services, exchange);
  const cdnRequest = { url: full, bucket, name, headers, caller };
  const kept = route.cached ? cdn.lookup(cdnRequest) : undefined;
  record.cache = kept ? "HIT" : route.cached ? "MISS" : "DYNAMIC";
  const answer = kept ?? await orRefusal(body, () => route.handle(services, exchange));
  const answered = kept || !route.cached ? answer : await cdn.keep(cdnRequest, answer);
  const marked = new Headers(answered.headers);
  marked.set("cf-cache-status", record.cache);
  return { ...answered, headers: marked };
}

function headBytes({ method, headers }: Request, target: string): number {
  let bytes = method.length + target.length;
  headers.forEach((value, name) => bytes += name.length + value.length + 4);
  return bytes;
}

function headTooLarge(): Answer {
  return { status: 431, headers: new Headers({ connection: "close" }), body: null };
}

/** Sends an answer and keeps count of it. */
function respond(record: RequestRecord, finish: () => void, answer: Answer): Response {
  const { status, headers, body } = answer;
  record.status = status;
  if (body === null || body instanceof Uint8Array) {
    record.responseBytes = body?.length ?? 0;
    finish();
    return new Response(body, { status, headers });
  }
  headers.set("content-length", String(body.length));
  return new Response(counted(body.stream, record, finish), { status, headers });
}

function counted(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  record: RequestRecord,
  finish: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = stream.getReader();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) {
        finish();
        return controller.close();
      }
      record.responseBytes += value.length;
      controller.enqueue(value);
    },
    async cancel(reason) {
      finish();
      await reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}
