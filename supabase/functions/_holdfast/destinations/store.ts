/** The interface to the off-site store. Jobs use it for any S3 server. */

/** The metadata of a stored object. */
export interface StoredObject {
  /** Bytes. */
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
  /** SHA-256 in hex, as the writer stated it; undefined if it stated none. */
  readonly sha256: string | undefined;
}

/** A finished part of a multipart upload. */
export interface UploadedPart {
  /** From 1. */
  readonly number: number;
  /** Bytes. */
  readonly size: number;
  /** As the server returned it. */
  readonly etag: string;
  /** SHA-256 of the part, hex. */
  readonly sha256: string;
}

/** A page of a listing of keys. */
export interface KeyPage {
  /** Relative to the repository's prefix, in byte order. */
  readonly keys: readonly string[];
  /** Whether more keys follow the last one. */
  readonly more: boolean;
}

/** A multipart upload that is neither completed nor aborted. */
export interface OpenUpload {
  /** Relative to the repository's prefix. */
  readonly key: string;
  /** The server's id of the upload. */
  readonly id: string;
  /** By the server's clock. */
  readonly begunAt: Date;
}

/** A page of a listing of open uploads. */
export interface UploadPage {
  readonly uploads: readonly OpenUpload[];
  /** Whether more uploads follow the last one. */
  readonly more: boolean;
  /** Time of the response, by the server's clock. */
  readonly now: Date;
}

/** Options of a PUT. */
export interface PutOptions {
  /** SHA-256 of the bytes, hex. It is signed, so the server verifies it, and stored as metadata. */
  readonly sha256: string;
  /** Default: application/octet-stream. */
  readonly contentType?: string;
}

/**
 * The store of a repository: a bucket and a prefix. Keys are relative to the prefix. Every method may
 * throw HoldfastError `repository_unreachable` (a retry may succeed), `repository_bucket_missing`,
 * `repository_key_refused`, `repository_access_denied` or `repository_refused`.
 */
export interface RepositoryStore {
  /**
   * Reads a small object.
   *
   * @param maxBytes largest size of the object
   * @param options `stated`: verify the bytes against the digest that the writer stated, if there is
   * one; for objects whose digest is recorded nowhere else
   * @returns the bytes; undefined if there is no object
   * @throws HoldfastError `repository_damaged` if the object is larger, or if its digest differs in
   * repeated reads
   */
  get(
    key: string,
    maxBytes: number,
    options?: { readonly stated?: boolean },
  ): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /**
   * Opens an object as a stream; undefined if there is none. The response has the object's length.
   * The caller must read or cancel its body.
   */
  open(key: string): Promise<Response | undefined>;
  /** Reads an object's metadata; undefined if there is no object. */
  head(key: string): Promise<StoredObject | undefined>;
  /**
   * Puts an object if its key is free. Returns "exists" if it is not, but only if the server supports
   * conditional writes; other servers overwrite the object.
   */
  put(
    key: string,
    bytes: Uint8Array<ArrayBuffer>,
    options: PutOptions,
  ): Promise<"stored" | "exists">;
  /**
   * Lists a page of keys in byte order. The server decides the size of the page.
   *
   * @param prefix relative to the repository's prefix
   * @param startAfter only keys after this one are listed
   */
  list(prefix: string, startAfter?: string): Promise<KeyPage>;
  /** Starts a multipart upload and returns its id. */
  beginUpload(key: string, contentType: string): Promise<string>;
  /** Puts one part and returns its etag; undefined if the upload no longer exists. */
  putPart(
    key: string,
    uploadId: string,
    number: number,
    bytes: Uint8Array<ArrayBuffer>,
    sha256: string,
  ): Promise<string | undefined>;
  /**
   * Completes an upload. Returns "missing" if the upload or one of its parts no longer exists, and
   * "exists" if the key has another object.
   */
  completeUpload(
    key: string,
    uploadId: string,
    parts: readonly UploadedPart[],
  ): Promise<"stored" | "exists" | "missing">;
  /** Whether an upload is still open. Also true if the access key lacks the right to list parts. */
  hasUpload(key: string, uploadId: string): Promise<boolean>;
  /** Aborts an upload. An upload that no longer exists counts as aborted. */
  abortUpload(key: string, uploadId: string): Promise<void>;
  /**
   * Lists a page of open uploads. The server decides the size of the page.
   *
   * @param prefix relative to the repository's prefix
   * @param after only uploads after this one are listed
   */
  listUploads(prefix: string, after?: Pick<OpenUpload, "key" | "id">): Promise<UploadPage>;
}
