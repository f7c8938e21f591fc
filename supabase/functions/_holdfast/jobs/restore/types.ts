/** What a restore passes to and from the database about one entry of a snapshot. */
import type { StoredBytes } from "../../transfer/types.ts";

/** What the target has under an entry's name. */
export interface TargetObject {
  readonly version: string;
  readonly size: number | null;
  readonly etag: string | null;
  /** Whether a slice said that it would write over it: its upload may come at any moment. */
  readonly intent_recorded: boolean;
  /** Whether the catalog knows this version as the entry's bytes. */
  readonly right: boolean;
  readonly same_metadata: boolean;
  /** Whether it came to be by a restore's upload: put by a slice that died before it could say so. */
  readonly of_this_run: boolean;
  /** Whether its row says nothing that the entry does not say as well, times left out. */
  readonly adds_no_metadata: boolean;
  /** Whether a sealed snapshot holds this version with its metadata: overwriting it loses nothing. */
  readonly held: boolean;
}

/** An entry of the snapshot; without a blob nothing is held and `code` says why. */
export interface RestoreItem {
  readonly bucket_id: string;
  readonly name: string;
  readonly version: string;
  readonly metadata: { readonly type: string | null; readonly cache_control: string | null };
  readonly code: string | null;
  readonly blob: number | null;
  readonly key: string | null;
  readonly size: number | null;
  /** Hex; composite where part_size is set. */
  readonly sha256: string | null;
  readonly part_size: number | null;
  /** Whether a slice that fell was given it: it may have put it, and may be about to. */
  readonly reassigned: boolean;
  readonly target: TargetObject | null;
}

/** An entry whose bytes are held. */
export type HeldItem = RestoreItem & StoredBytes & { readonly blob: number };

/** What became of an entry. */
export interface RestoreResult {
  readonly bucket_id: string;
  readonly name: string;
  readonly version: string;
  readonly metadata: RestoreItem["metadata"];
  readonly blob: number | null;
  /** The target's version whose bytes were read back as the blob's: its row is patched. */
  readonly restored_version?: string;
  /** The etag that its row had then. */
  readonly restored_etag?: string;
  readonly failure?: {
    readonly class: "failed" | "unavailable";
    readonly code: string;
    readonly message: string;
  };
  /** Which counters it adds to. */
  readonly counts: readonly string[];
}

/** Which existing objects may be overwritten. */
export type Overwrite = "never" | "if_changed" | "always";

/** Whether bytes are held for an entry. */
export function isHeld(item: RestoreItem): item is HeldItem {
  return item.blob !== null && item.key !== null && item.size !== null && item.sha256 !== null;
}
