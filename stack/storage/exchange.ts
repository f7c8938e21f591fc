import type { ByteStore } from "./byte_store.ts";
import type { Caller } from "./caller.ts";
import type { Cdn } from "./cdn.ts";
import type { Database } from "./database.ts";
import type { RequestBody } from "./request_body.ts";

/** What lies behind a Storage: the backend whose faults and words it answers with. */
export type Backend = "s3" | "file";

/** What all handlers share. */
export interface Services {
  readonly database: Database;
  /** The clock, milliseconds since 1970. */
  readonly now: () => number;
  readonly bytes: ByteStore;
  readonly cdn: Cdn;
  readonly jwtSecret: string;
  /** No object may be larger, whatever its bucket says; bytes. */
  readonly largestObjectBytes: number;
  backend: Backend;
}

/** A request as a handler sees it. */
export interface Exchange {
  readonly method: string;
  /** Below the API's root, percent-encoded as it was sent, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: RequestBody;
  readonly caller: Caller;
  /** The bucket in the path, decoded; empty where the route has none. */
  readonly bucket: string;
  /** The rest of the path, decoded; empty where the route has none. */
  readonly name: string;
}

/** An answer; a body that streams says how long it is. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | BodyStream | null;
}

/** A body that is sent as it is read. */
export interface BodyStream {
  readonly length: number;
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
}

export type Handler = (services: Services, exchange: Exchange) => Promise<Answer>;

/** A JSON answer. */
export function answerJson(
  value: unknown,
  status = 200,
  headers: Record<string, string> = {},
): Answer {
  return {
    status,
    headers: new Headers({ "content-type": "application/json; charset=utf-8", ...headers }),
    body: new TextEncoder().encode(JSON.stringify(value)),
  };
}
