import type { RequestLog, RequestRecord } from "../request_log.ts";
import type { Operation } from "./router.ts";

/**
 * What a credential may do. `read`: look and list. `append`: that, and put new objects, each with
 * `If-None-Match: *`; never overwrite or delete one, as a bucket policy on `s3:if-none-match`
 * would have it. `minimal`: of that only what a backup and a restore cannot do without; neither to list
 * uploads nor to abort them.
 */
export type Permissions = "all" | "read" | "append" | "minimal";

/** A key that the server knows. */
export interface Credential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** `all` where absent. */
  readonly permissions?: Permissions;
}

/** One request that reached the server. */
export interface S3RequestRecord extends RequestRecord {
  /** The name of S3's operation, or `Unknown`. */
  readonly route: Operation | "Unknown";
  /** Absent where the request names none. */
  readonly bucket?: string;
  readonly key?: string;
  /** The key it was signed with, once that was found good. */
  accessKeyId?: string;
}

/** What goes wrong with one request on purpose. */
export type Fault =
  & {
    /** Waits so long before anything else; alone, the request is then served as usual. */
    readonly delayMilliseconds?: number;
  }
  & (
    | { readonly kind: "delay" }
    /** Answers so, without doing anything; status 200 with a code is S3's way to fail a copy late. */
    | {
      readonly kind: "error";
      readonly status: number;
      readonly code: string;
      readonly message?: string;
      readonly retryAfterSeconds?: number;
    }
    /** Cuts the connection without doing anything, before or after the request's body was read. */
    | { readonly kind: "reset"; readonly when: "before_body" | "after_body" }
    /** Serves the request and cuts the connection after so many bytes of the answer's body. */
    | { readonly kind: "truncate"; readonly afterBytes: number }
    /** Serves the request and cuts the connection instead of answering. */
    | { readonly kind: "lose_reply" }
  );

/**
 * Called for every request before its body is read or its signature looked at.
 *
 * A fault that cuts a connection for one request alone may stay unseen: Deno 2.9.6's fetch sends a
 * request of any method again, once, when a connection it used before ends without an answer.
 */
export type FaultHook = (record: Readonly<S3RequestRecord>) => Fault | undefined;

/**
 * Which writes honour If-None-Match: `all` as Amazon's, `put` as Ceph's up to 16.2,
 * which ignores them where an upload is completed, `none` as servers that do not know it.
 */
export type ConditionalWrites = "all" | "put" | "none";

/** How the server is started. */
export interface S3Options {
  /** Everything it keeps lies here; a later server on the same folder goes on with it. */
  readonly directory: string;
  readonly credentials: readonly Credential[];
  /** The only region that signatures may name. */
  readonly region: string;
  /** A free one by default. */
  readonly port?: number;
  /** PEM; with it the server speaks https only. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly onRequest?: FaultHook;
  /** `all` where absent. */
  readonly conditionalWrites?: ConditionalWrites;
  /** How far its clock is ahead, milliseconds: for signatures, and in the Date of its answers. */
  readonly aheadMilliseconds?: number;
}

/** A running server. */
export interface S3Server extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, or https. */
  readonly endpoint: string;
  readonly port: number;
  readonly region: string;
  readonly requests: RequestLog<S3RequestRecord>;
  /** Faults to come; may be set and unset at any time. */
  onRequest: FaultHook | undefined;
  /** Buckets with a default retention. */
  readonly locked: Set<string>;
  /** What keys are good from now on, to revoke and rotate them. */
  credentials: readonly Credential[];
  /** May be set at any time, to stand in for a lesser server. */
  conditionalWrites: ConditionalWrites;
  /** Makes a bucket, without a request; nothing happens where it is there. */
  createBucket(name: string): Promise<void>;
  /** The files that hold an object's bytes, in order, for tests that damage them. */
  objectFiles(bucket: string, key: string): string[];
  /** Has the uploads of a bucket have begun so much earlier. */
  ageUploads(bucket: string, milliseconds: number): void;
  /** Ends all connections and closes all files. May be called more than once. */
  stop(): Promise<void>;
}
