import type { RequestLog, RequestRecord } from "../request_log.ts";
import type { Operation } from "./router.ts";

/**
 * Permissions of a credential. `read`: read and list. `append`: also put new objects with
 * `If-None-Match: *`, but never overwrite or delete one, as with a bucket policy on
 * `s3:if-none-match`. `minimal`: the subset of `append` that a backup and a restore need, without
 * listing and aborting uploads.
 */
export type Permissions = "all" | "read" | "append" | "minimal";

/** An access key that the server accepts. */
export interface Credential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** `all` if absent. */
  readonly permissions?: Permissions;
}

/** One request that reached the server. */
export interface S3RequestRecord extends RequestRecord {
  /** The name of S3's operation, or `Unknown`. */
  readonly route: Operation | "Unknown";
  /** Absent if the request names no bucket. */
  readonly bucket?: string;
  readonly key?: string;
  /** The access key of the request, after its signature was verified. */
  accessKeyId?: string;
}

/** An injected fault of one request. */
export type Fault =
  & {
    /**
     * Waits this long before everything else. Without a kind the request is then served normally.
     */
    readonly delayMilliseconds?: number;
  }
  & (
    | { readonly kind: "delay" }
    /**
     * Answers with this error without carrying out the request. S3 fails a running copy with status
     * 200.
     */
    | {
      readonly kind: "error";
      readonly status: number;
      readonly code: string;
      readonly message?: string;
      readonly retryAfterSeconds?: number;
    }
    /** Cuts the connection without carrying out the request, before or after its body is read. */
    | { readonly kind: "reset"; readonly when: "before_body" | "after_body" }
    /** Serves the request and cuts the connection after this many bytes of the answer's body. */
    | { readonly kind: "truncate"; readonly afterBytes: number }
    /** Serves the request and cuts the connection instead of answering. */
    | { readonly kind: "lose_reply" }
  );

/**
 * Called for every request before its body is read and its signature is verified.
 *
 * A client may not notice a fault that cuts the connection of a single request. If a reused
 * connection ends without an answer, Deno 2.9.6's fetch repeats a request of any method once.
 */
export type FaultHook = (record: Readonly<S3RequestRecord>) => Fault | undefined;

/**
 * The writes that honour If-None-Match. `all`: as Amazon. `put`: as Ceph up to 16.2, which ignores
 * it when an upload is completed. `none`: as servers that do not support it.
 */
export type ConditionalWrites = "all" | "put" | "none";

/** Options for starting the server. */
export interface S3Options {
  /** The folder for all data. A later server on the same folder continues with it. */
  readonly directory: string;
  readonly credentials: readonly Credential[];
  /** The only region that signatures may use. */
  readonly region: string;
  /** Port; a free one by default. */
  readonly port?: number;
  /** Certificate and key as PEM. If present, the server accepts only https. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly onRequest?: FaultHook;
  /** `all` if absent. */
  readonly conditionalWrites?: ConditionalWrites;
  /** Milliseconds by which its clock is ahead, for signatures and for the Date of its answers. */
  readonly aheadMilliseconds?: number;
}

/** A running server. */
export interface S3Server extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, or https. */
  readonly endpoint: string;
  readonly port: number;
  readonly region: string;
  readonly requests: RequestLog<S3RequestRecord>;
  /** Chooses the fault of each request. It may change at any time. */
  onRequest: FaultHook | undefined;
  /** Names of the buckets with a default retention. */
  readonly locked: Set<string>;
  /** The valid access keys. Tests change them to revoke and rotate keys. */
  credentials: readonly Credential[];
  /** Tests change it to simulate servers without full support. */
  conditionalWrites: ConditionalWrites;
  /** Creates a bucket without a request. An existing bucket has no effect. */
  createBucket(name: string): Promise<void>;
  /** The files with an object's bytes, in order, for tests that corrupt them. */
  objectFiles(bucket: string, key: string): string[];
  /** Moves the start times of a bucket's uploads into the past by this time. */
  ageUploads(bucket: string, milliseconds: number): void;
  /** Ends all connections and closes all files. Further calls have no effect. */
  stop(): Promise<void>;
}
