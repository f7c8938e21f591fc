import type { ByteStore } from "./byte_store.ts";
import type { Caller } from "./caller.ts";
import type { Cdn } from "./cdn.ts";
import type { Database } from "./database.ts";
import type { RequestBody } from "./request_body.ts";

/** The backend of a Storage. It determines the errors and messages of some answers. */
export type Backend = "s3" | "file";

/** The services that all handlers share. */
export interface Services {
  readonly database: Database;
  /** The clock, milliseconds since 1970. */
  readonly now: () => number;
  readonly bytes: ByteStore;
  readonly cdn: Cdn;
  readonly jwtSecret: string;
  /** Maximum size of every object in bytes. A bucket's limit can only be lower. */
  readonly largestObjectBytes: number;
  backend: Backend;
}

/** A request as a handler receives it. */
export interface Exchange {
  readonly method: string;
  /** Path below the API's root, percent-encoded as sent, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: RequestBody;
  readonly caller: Caller;
  /** The decoded bucket in the path; empty if the route has none. */
  readonly bucket: string;
  /** The decoded rest of the path; empty if the route has none. */
  readonly name: string;
}

/** An answer. A streamed body has a known length. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | BodyStream | null;
}

/** A streamed body. */
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
