/** One file of bytes below a bucket's folder; an object made from parts has several. */
export interface Segment {
  readonly id: string;
  readonly bytes: number;
}

/** What a client may say of an object beside its bytes; given back with it. */
export interface ObjectDescription {
  /** content-type, cache-control and their like, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** User metadata by lower-case name, without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** An object as the stand-in keeps it. */
export interface StoredObject extends ObjectDescription {
  readonly key: string;
  readonly bytes: number;
  /** Without quotes: MD5 in hex, or `<MD5 of the parts' MD5s>-<parts>`. */
  readonly etag: string;
  /** Milliseconds since 1970, whole seconds as S3's. */
  readonly modified: number;
  readonly segments: readonly Segment[];
  /**
   * The CRC-32 that the client sent, base64; for an object in parts the checksum of the parts'
   * checksums, followed by `-<parts>`.
   */
  readonly checksum?: string;
}

/** One part of an upload. */
export interface StoredPart {
  readonly number: number;
  readonly bytes: number;
  /** MD5 in hex, without quotes. */
  readonly etag: string;
  readonly modified: number;
  readonly segment: Segment;
  /** The CRC-32 of the part, base64. */
  readonly checksum?: string;
}

/** A multipart upload that was neither completed nor aborted. */
export interface StoredUpload extends ObjectDescription {
  readonly id: string;
  readonly key: string;
  readonly initiated: number;
  /** Whether each part must come with a CRC-32; else none may. */
  readonly withChecksums: boolean;
}

/** Now, as S3 notes times: in milliseconds since 1970, of whole seconds. */
export function nowInSeconds(): number {
  return Math.floor(Date.now() / 1000) * 1000;
}
