import type { Authentication } from "./auth/authenticate.ts";
import type { IncomingBody } from "./body/incoming.ts";
import type { Operation, RoutedRequest } from "./router.ts";
import type { Bucket } from "./store/bucket.ts";
import type { Store } from "./store/store.ts";

/** A routed request with a valid signature. */
export interface S3Request extends RoutedRequest {
  readonly operation: Operation;
  readonly body: IncomingBody;
  readonly authentication: Authentication;
  /** The server's URL without a trailing slash. */
  readonly endpoint: string;
  readonly region: string;
}

/** An answer. */
export interface Reply {
  /** HTTP status; 200 if absent. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** XML or bytes; an empty body if absent. */
  readonly body?: string | ReplyBytes;
}

/** A body that is read while it is sent. */
export interface ReplyBytes {
  readonly bytes: number;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** The sender must call it when the body is sent or abandoned. */
  release(): void;
}

/** Handles an operation on the service. */
export type ServiceHandler = (request: S3Request, store: Store) => Promise<Reply> | Reply;

/** Handles an operation on an existing bucket. */
export type BucketHandler = (request: S3Request, bucket: Bucket) => Promise<Reply> | Reply;
