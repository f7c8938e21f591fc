import { type ApiKeys, checkFunctionKey, translateKey } from "./api_keys.ts";
import { FunctionBootError, type FunctionsHost } from "./functions.ts";
import type { Head } from "./wire/head.ts";
import {
  type Answer,
  type Proxy,
  type ProxyRequest,
  type Route,
  serveProxy,
} from "./wire/proxy.ts";

/** The services behind a project's gateway. Both may be set after the gateway has started. */
export interface GatewayServices {
  /** URL of the Storage server, `http://127.0.0.1:…`. Its API is at `/storage/v1`. */
  storageUrl?: string;
  functions?: Callable;
}

/** The part of a functions host that the gateway uses. */
type Callable = Pick<FunctionsHost, "names" | "acquire">;

/** A project's gateway: the server at SUPABASE_URL. */
export interface Gateway extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * The host in the requests that a hosted function receives. It is not the project's host, so links
 * that a function builds from it do not work.
 */
const FUNCTION_HOST = "edge-runtime.supabase.com";

/** Number of processes to try for one request if each ends before it takes the request. */
const BOOT_ATTEMPTS = 3;

/** Serves `/storage/v1` and `/functions/v1` of a project on 127.0.0.1. */
export function startGateway(
  keys: ApiKeys,
  services: GatewayServices,
  options: { port?: number } = {},
): Gateway {
  const proxy: Proxy = serveProxy((request) => {
    if (isBelow(request.target, STORAGE)) return routeToStorage(request, keys, services);
    if (isBelow(request.target, FUNCTIONS)) return routeToFunction(request, keys, services);
    return NO_ROUTE;
  }, options);
  return {
    url: `http://127.0.0.1:${proxy.port}`,
    stop: () => proxy.stop(),
    [Symbol.asyncDispose]: () => proxy.stop(),
  };
}

const STORAGE = "/storage/v1";
const FUNCTIONS = "/functions/v1";

function isBelow(target: string, prefix: string): boolean {
  return target.startsWith(prefix) && /^([/?]|$)/.test(target.slice(prefix.length));
}

function routeToStorage(request: ProxyRequest, keys: ApiKeys, services: GatewayServices): Route {
  if (services.storageUrl === undefined) return UPSTREAM_DOWN;
  const checked = translateKey(request.head, keys);
  if ("refusal" in checked) return checked.refusal;
  const { port } = new URL(services.storageUrl);
  const head = withForwarded(checked.head, request.head);
  return {
    port: Number(port),
    head,
    refused: () => UPSTREAM_DOWN,
    hungUp: () => UPSTREAM_DOWN,
  };
}

async function routeToFunction(
  request: ProxyRequest,
  keys: ApiKeys,
  services: GatewayServices,
): Promise<Route> {
  const refusal = checkFunctionKey(request.head, keys);
  if (refusal !== undefined) return refusal;
  const name = request.target.slice(FUNCTIONS.length + 1).match(/^[^/?]*/)![0];
  const functions = services.functions;
  if (!functions?.names.includes(name)) return NO_FUNCTION;
  return await forwardToFunction(request, functions, name, BOOT_ATTEMPTS);
}

/**
 * Forwards the request to a process. If that ends before taking the request, another one is used.
 */
async function forwardToFunction(
  request: ProxyRequest,
  functions: Callable,
  name: string,
  attempts: number,
): Promise<Route> {
  if (attempts === 0) return WORKER_ERROR;
  try {
    const lease = await functions.acquire(name, request.method);
    return {
      port: lease.port,
      head: withForwarded(request.head, request.head).with("host", FUNCTION_HOST)
        .withStartLine(functionStartLine(request)),
      rewriteResponse: request.method === "GET" ? htmlToPlain : undefined,
      refused() {
        lease.condemn();
        return forwardToFunction(request, functions, name, attempts - 1);
      },
      async hungUp() {
        lease.condemn();
        return await lease.limited() ? WORKER_RESOURCE_LIMIT : WORKER_ERROR;
      },
      done: lease.release,
    };
  } catch (error) {
    if (error instanceof FunctionBootError) return BOOT_ERROR;
    throw error;
  }
}

/** The start line for the function: its path begins with the function's name. */
function functionStartLine(request: ProxyRequest): string {
  return `${request.method} ${request.target.slice(FUNCTIONS.length)} HTTP/1.1`;
}

function withForwarded(head: Head, original: Head): Head {
  const host = original.get("host") ?? "127.0.0.1";
  return head
    .with("x-forwarded-host", host)
    .with("x-forwarded-proto", "http")
    .with("x-forwarded-port", host.split(":")[1] ?? "80")
    .with("x-forwarded-for", "127.0.0.1");
}

/** Supabase rewrites text/html in answers to GET, so that its domain does not serve web pages. */
function htmlToPlain(head: Head): Head {
  const type = head.get("content-type");
  if (type === undefined || !/^text\/html\b/i.test(type)) return head;
  return head.with("content-type", type.replace(/^text\/html/i, "text/plain"));
}

const NO_ROUTE: Answer = {
  status: 404,
  body: { message: "no Route matched with those values" },
};

const UPSTREAM_DOWN: Answer = {
  status: 502,
  body: { message: "An invalid response was received from the upstream server" },
};

const NO_FUNCTION = functionFailure(404, "NOT_FOUND", "Requested function was not found");

const BOOT_ERROR = functionFailure(503, "BOOT_ERROR", "Worker failed to boot (please check logs)");

const WORKER_ERROR = functionFailure(
  500,
  "WORKER_ERROR",
  "Function exited due to an error (please check logs)",
);

/** Called WORKER_LIMIT until May 2026. */
const WORKER_RESOURCE_LIMIT = functionFailure(
  546,
  "WORKER_RESOURCE_LIMIT",
  "Function failed due to not having enough compute resources (please check logs)",
);

/** Supabase's answer if a function fails to answer. */
function functionFailure(status: number, code: string, message: string): Answer {
  return { status, headers: { "sb-error-code": code }, body: { code, message } };
}
