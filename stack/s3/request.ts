import type { Authentication } from "./auth/authenticate.ts";
import type { IncomingBody } from "./body/incoming.ts";
import type { Operation, RoutedRequest } from "./router.ts";
import type { Bucket } from "./store/bucket.ts";
import type { Store } from "./store/store.ts";

/** A request that was routed and whose signature was found good. */
export interface S3Request extends RoutedRequest {
  readonly operation: Operation;
  readonly body: IncomingBody;
  readonly authentication: Authentication;
  /** The server's own address, without a slash at the end. */
  readonly endpoint: string;
  readonly region: string;
}

/** What is answered. */
export interface Reply {
  /** 200 where absent. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** XML, or bytes; nothing where absent. */
  readonly body?: string | ReplyBytes;
}

/** A body that is read while it is sent. */
export interface ReplyBytes {
  readonly bytes: number;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** To be called once it is sent or given up. */
  release(): void;
}

/** Carries out an operation that needs the service. */
export type ServiceHandler = (request: S3Request, store: Store) => Promise<Reply> | Reply;

/** Carries out an operation on a bucket that is there. */
export type BucketHandler = (request: S3Request, bucket: Bucket) => Promise<Reply> | Reply;
