import { HoldfastError } from "../../../supabase/functions/_holdfast/config/errors.ts";
import type { Database } from "../../../supabase/functions/_holdfast/lib/database.ts";
import { flip, FLIPPED } from "../fault_catalogue/corrupt_responses.ts";
import { respondWithFault } from "../fault_catalogue/http_faults.ts";
import { errorFor } from "../fault_catalogue/sql_faults.ts";
import type { VirtualClock } from "../environment/virtual_clock.ts";
import type { FaultProxy } from "./fault_proxy.ts";
import { actionOf, kindOf } from "./request_kinds.ts";
import type { WorkerState } from "./worker_state.ts";

/** A call to a database function that passed the proxy. */
export interface DatabaseCall {
  readonly name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Observes one call. It must call `send` and return or throw what that does. */
export type CallWatch = <Result>(
  call: DatabaseCall,
  send: () => Promise<Result>,
) => Promise<Result>;

/** A worker's Postgres client, behind the fault proxy. */
export function databaseClient(
  proxy: FaultProxy,
  worker: WorkerState,
  database: Database,
  watch: CallWatch,
): Database {
  return {
    call: (name, parameters, fence) =>
      proxy.pass(worker, {
        party: "sql",
        action: name,
        send: () => watch({ name, parameters }, () => database.call(name, parameters, fence)),
        sendUnder: (fault) => Promise.reject(errorFor(fault)),
        lost: () => new HoldfastError("database_unreachable", "Postgres: CONNECTION_CLOSED."),
      }),
    close: () => database.close(),
  };
}

/** What a worker's HTTP client needs. */
export interface HttpClientOptions {
  readonly s3Origin: string;
  readonly clock: VirtualClock;
  /** Whether the worker belongs to a restore, which reads back what it wrote. */
  readonly readsBack: boolean;
}

/** The origin recorded for a request that followed an injected redirect. */
export const REDIRECT_TARGET = "http://redirected.invalid";

/**
 * A worker's client for Storage and S3, behind the fault proxy. Responses are read completely
 * first.
 */
export function httpClient(
  proxy: FaultProxy,
  worker: WorkerState,
  options: HttpClientOptions,
): typeof fetch {
  return (input, init) => {
    const request = new Request(input, init);
    const { method } = request;
    const { origin, pathname: path, search: query } = new URL(request.url);
    const party = origin === options.s3Origin ? "s3" : "storage";
    const action = actionOf(party, method, path, query);
    const range = request.headers.get("range");
    // A request that is delayed before it is sent counts as made at this step: the worker decided
    // on it
    // with what it knew then.
    const asked = proxy.steps.length + 1;
    const exchanged = (to: string, status: number) =>
      proxy.exchanges.push({
        party,
        step: asked,
        method,
        origin: to,
        path,
        query,
        status,
        range,
      });
    const send = async (corrupted: boolean) => {
      const response = await fetch(corrupted ? await flipped(request) : request, {
        redirect: "manual",
      });
      exchanged(origin, response.status);
      return new Response(await bodyOf(method, response), response);
    };
    const kind = kindOf(party, action, options.readsBack);
    return proxy.pass(worker, {
      party,
      action,
      kind,
      send: () => send(false),
      sendUnder: (fault, notApplied) =>
        respondWithFault(fault, {
          party,
          request,
          kind,
          step: proxy.steps.length,
          signal: init?.signal ?? undefined,
          clock: options.clock,
          send: () => send(false),
          follow: () => {
            exchanged(REDIRECT_TARGET, 200);
            return Promise.resolve(new Response("redirected"));
          },
          notApplied,
        }),
      ...(init?.body !== undefined && init.body !== null && { sendFlipped: () => send(true) }),
      lost: () =>
        new TypeError("error sending request: connection closed before message completed"),
    });
  };
}

/** The response's bytes; null if a response of this kind may not have a body. */
async function bodyOf(
  method: string,
  response: Response,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const none = method === "HEAD" || [101, 204, 205, 304].includes(response.status);
  return none ? null : bytes;
}

/** The request with the middle byte of its body inverted. */
async function flipped(request: Request): Promise<Request> {
  const { url, method, headers } = request;
  return new Request(url, { method, headers, body: flip(await request.bytes(), FLIPPED.there) });
}
