/** One file of bytes below a bucket's folder. An object from parts has several segments. */
export interface Segment {
  readonly id: string;
  readonly bytes: number;
}

/** The headers and metadata that a client stores with an object. */
export interface ObjectDescription {
  /** Headers such as content-type and cache-control, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** User metadata by lower-case name, without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** An object as the stand-in stores it. */
export interface StoredObject extends ObjectDescription {
  readonly key: string;
  readonly bytes: number;
  /** Without quotes: MD5 in hex, or `<MD5 of the parts' MD5s>-<parts>`. */
  readonly etag: string;
  /** Milliseconds since 1970, rounded down to seconds as in S3. */
  readonly modified: number;
  readonly segments: readonly Segment[];
  /**
   * The CRC-32 that the client sent, in base64. For an object from parts it is the checksum of the
   * parts' checksums, followed by `-<parts>`.
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

/** An unfinished multipart upload. */
export interface StoredUpload extends ObjectDescription {
  readonly id: string;
  readonly key: string;
  readonly initiated: number;
  /** True if each part must have a CRC-32; false if no part may have one. */
  readonly withChecksums: boolean;
}

/** The current time in milliseconds since 1970, rounded down to seconds as in S3. */
export function nowInSeconds(): number {
  return Math.floor(Date.now() / 1000) * 1000;
}
