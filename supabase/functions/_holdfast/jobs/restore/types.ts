/** What a restore and the database exchange about one entry of a snapshot. */
import type { StoredBytes } from "../../transfer/types.ts";

/** The object that the target has under an entry's name. */
export interface TargetObject {
  readonly version: string;
  /** Bytes; null if the row has no size. */
  readonly size: number | null;
  /** Null if the row has no etag. */
  readonly etag: string | null;
  /** Whether a slice recorded its intent to overwrite it. The upload may arrive at any moment. */
  readonly intent_recorded: boolean;
  /** Whether the catalog records this version as the entry's bytes. */
  readonly right: boolean;
  /** Whether its row has the entry's metadata. */
  readonly same_metadata: boolean;
  /** Whether a restore wrote it, in a slice that crashed before its commit. */
  readonly of_this_run: boolean;
  /** Whether its row has no metadata beyond the entry's, except times. */
  readonly adds_no_metadata: boolean;
  /** Whether a sealed snapshot has this version with its metadata, so that overwriting loses nothing. */
  readonly held: boolean;
}

/** An entry of the snapshot. Without a blob, the repository has no bytes and `code` is the reason. */
export interface RestoreItem {
  readonly bucket_id: string;
  readonly name: string;
  readonly version: string;
  readonly metadata: { readonly type: string | null; readonly cache_control: string | null };
  /** Error code, if the backup could not copy the object. */
  readonly code: string | null;
  /** Row id of the blob. */
  readonly blob: number | null;
  /** Key of the blob in the repository. */
  readonly key: string | null;
  /** Bytes. */
  readonly size: number | null;
  /** Hex; the composite digest if `part_size` is set. */
  readonly sha256: string | null;
  /** Bytes of each part except the last; null if the blob was put in one request. */
  readonly part_size: number | null;
  /** Whether it was assigned to a crashed slice before, whose upload may still arrive. */
  readonly reassigned: boolean;
  /** Null if the target has no object of this name. */
  readonly target: TargetObject | null;
}

/** An entry whose bytes are in the repository. */
export type HeldItem = RestoreItem & StoredBytes & { readonly blob: number };

/** The result of restoring an entry. */
export interface RestoreResult {
  readonly bucket_id: string;
  readonly name: string;
  readonly version: string;
  readonly metadata: RestoreItem["metadata"];
  readonly blob: number | null;
  /** The target's version that was read back and equals the blob. Its row gets the entry's metadata. */
  readonly restored_version?: string;
  /** The etag of that version's row. */
  readonly restored_etag?: string;
  readonly failure?: {
    readonly class: "failed" | "unavailable";
    readonly code: string;
    readonly message: string;
  };
  /** Counters to increase by one. */
  readonly counts: readonly string[];
}

/** Which existing objects may be overwritten. */
export type Overwrite = "never" | "if_changed" | "always";

/** Whether the repository has an entry's bytes. */
export function isHeld(item: RestoreItem): item is HeldItem {
  return item.blob !== null && item.key !== null && item.size !== null && item.sha256 !== null;
}
