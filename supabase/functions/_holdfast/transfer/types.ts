/** What a backup and the database exchange about one object. */

/** An object to back up. */
export interface BackupItem {
  readonly bucket_id: string;
  readonly name: string;
  readonly object_id: string;
  readonly version: string;
  /** Bytes according to the row; null if the row has no size. */
  readonly size: number | null;
  /** ETag of the row, without quotes; null if it has none. */
  readonly etag: string | null;
  /** Other columns of the row in the catalog's form, with times and owner. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Row id of the blob that holds its bytes already; null if they must be copied. */
  readonly blob?: number | null;
  /** Whether the blob is assumed to hold the bytes, because it holds the same object before a move. */
  readonly assumed?: boolean;
}

/** Bytes in the repository. */
export interface StoredBytes {
  readonly key: string;
  readonly size: number;
  /** Hex: the digest of the bytes, or the composite digest if `part_size` is set. */
  readonly sha256: string;
  /** Bytes of each part except the last; null if the bytes were put in one request. */
  readonly part_size: number | null;
}

/** Why an object could not be copied. */
export interface ObjectFailure {
  /** `unavailable`: the source does not have the bytes. `failed`: the copy failed. */
  readonly class: "unavailable" | "failed";
  readonly code: string;
  readonly message: string;
}

/** The result for an item. Exactly one of `blob`, `stored`, `failure` and `upload` is set. */
export type BackupResult = BackupItem & {
  readonly stored?: StoredBytes;
  readonly failure?: ObjectFailure;
  readonly upload?: { readonly key: string; readonly part_size: number };
};

/** Counters of a page, by their names in the report of a run. */
export type Counters = Record<string, number>;
