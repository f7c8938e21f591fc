/** The off-site side as the jobs see it: one small interface, whatever S3 server is behind it. */

/** What a stored object is, without its bytes. */
export interface StoredObject {
  readonly size: number;
  readonly etag: string;
  /** SHA-256 in hex that the writer stated; undefined where it stated none. */
  readonly sha256: string | undefined;
}

/** A finished part of a multipart upload. */
export interface UploadedPart {
  readonly number: number;
  readonly size: number;
  readonly etag: string;
  /** SHA-256 of the part, hex. */
  readonly sha256: string;
}

/** Some keys, and whether there are more behind the last of them. */
export interface KeyPage {
  readonly keys: readonly string[];
  readonly more: boolean;
}

/** A multipart upload that is under way. */
export interface OpenUpload {
  readonly key: string;
  readonly id: string;
  /** By the server's clock. */
  readonly begunAt: Date;
}

/** Some uploads under way, and whether there are more behind the last of them. */
export interface UploadPage {
  readonly uploads: readonly OpenUpload[];
  readonly more: boolean;
  /** When the server answered, by its clock. */
  readonly now: Date;
}

/** How to put an object. */
export interface PutOptions {
  /** SHA-256 of the bytes, hex: signed, so the server verifies it, and kept with the object. */
  readonly sha256: string;
  readonly contentType?: string;
}

/**
 * A repository's bucket and prefix; every key is below the prefix. Every method may throw
 * HoldfastError `repository_unreachable` (worth another try), `repository_bucket_missing`,
 * `repository_key_refused`, `repository_access_denied` or `repository_refused`.
 */
export interface RepositoryStore {
  /**
   * A whole small object, or undefined. `stated`: it is held to the digest that its writer stated,
   * where there is one, for nothing else tells what it should be. Throws `repository_damaged` above
   * maxBytes, and where it stays another.
   */
  get(
    key: string,
    maxBytes: number,
    options?: { readonly stated?: boolean },
  ): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** An object's body as a stream with its length, or undefined. The body is the caller's to end. */
  open(key: string): Promise<Response | undefined>;
  head(key: string): Promise<StoredObject | undefined>;
  /** Puts where nothing is yet; "exists" where something is (only if the server can tell). */
  put(
    key: string,
    bytes: Uint8Array<ArrayBuffer>,
    options: PutOptions,
  ): Promise<"stored" | "exists">;
  /** Keys below a prefix and after a key, in byte order: as many as the server gives at once. */
  list(prefix: string, startAfter?: string): Promise<KeyPage>;
  /** Begins a multipart upload and returns its id. */
  beginUpload(key: string, contentType: string): Promise<string>;
  /** Puts one part and returns its etag; undefined where the upload no longer exists. */
  putPart(
    key: string,
    uploadId: string,
    number: number,
    bytes: Uint8Array<ArrayBuffer>,
    sha256: string,
  ): Promise<string | undefined>;
  /** Completes an upload; "missing" where it, or one of its parts, no longer exists. */
  completeUpload(
    key: string,
    uploadId: string,
    parts: readonly UploadedPart[],
  ): Promise<"stored" | "exists" | "missing">;
  /** Whether an upload is still under way; true as well where the key may not ask. */
  hasUpload(key: string, uploadId: string): Promise<boolean>;
  /** Aborts an upload; one that no longer exists counts as aborted. */
  abortUpload(key: string, uploadId: string): Promise<void>;
  /** Uploads under way below a prefix and after one of them: as many as the server gives at once. */
  listUploads(prefix: string, after?: Pick<OpenUpload, "key" | "id">): Promise<UploadPage>;
}
