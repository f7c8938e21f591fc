/** What a backup passes to and from the database about one object. */

/** An object as a slice acts on it; times and owner are in metadata, as the catalog keeps them. */
export interface BackupItem {
  readonly bucket_id: string;
  readonly name: string;
  readonly object_id: string;
  readonly version: string;
  /** Bytes that the row states; null where it states none. */
  readonly size: number | null;
  /** ETag that the row states, without quotes. */
  readonly etag: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Number of the blob that holds its bytes already; null where they must be copied. */
  readonly blob?: number | null;
  readonly assumed?: boolean;
}

/** Bytes that were put into the repository. */
export interface StoredBytes {
  readonly key: string;
  readonly size: number;
  /** Hex; of the bytes, or where part_size is set, composite over the parts. */
  readonly sha256: string;
  readonly part_size: number | null;
}

/** Why an object could not be copied. */
export interface ObjectFailure {
  /** unavailable: the source can't give it; failed: it could be had and was not. */
  readonly class: "unavailable" | "failed";
  readonly code: string;
  readonly message: string;
}

/** What became of an item; exactly one of blob, stored, failure and upload is set. */
export type BackupResult = BackupItem & {
  readonly stored?: StoredBytes;
  readonly failure?: ObjectFailure;
  readonly upload?: { readonly key: string; readonly part_size: number };
};

/** Counters of a page, by the names that runs report. */
export type Counters = Record<string, number>;
