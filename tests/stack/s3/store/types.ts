import type { ChecksumAlgorithm } from "../body/checksums.ts";

/** One file of bytes below a bucket's folder; an object made from parts has several. */
export interface Segment {
  readonly id: string;
  readonly bytes: number;
}

/** A checksum that a client sent and that was found right, base64 as S3 sends it. */
export interface StoredChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly value: string;
  /** COMPOSITE is the checksum of the parts' checksums, with `-<parts>` behind it. */
  readonly type: "FULL_OBJECT" | "COMPOSITE";
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
  readonly checksum?: StoredChecksum;
}

/** One part of an upload. */
export interface StoredPart {
  readonly number: number;
  readonly bytes: number;
  /** MD5 in hex, without quotes. */
  readonly etag: string;
  readonly modified: number;
  readonly segment: Segment;
  readonly checksum?: StoredChecksum;
}

/** A multipart upload that was neither completed nor aborted. */
export interface StoredUpload extends ObjectDescription {
  readonly id: string;
  readonly key: string;
  readonly initiated: number;
  /** The algorithm that every part's checksum must be of; absent where parts carry none. */
  readonly checksumAlgorithm?: ChecksumAlgorithm;
}

/** Now, as S3 notes times: in milliseconds since 1970, of whole seconds. */
export function nowInSeconds(): number {
  return Math.floor(Date.now() / 1000) * 1000;
}
