/** What the steps of a backup pass to each other. */
import type { UploadedPart } from "../../destinations/store.ts";
import type { BackupItem } from "../../transfer/types.ts";

/** An upload as its row says. */
export interface UploadState {
  readonly object: BackupItem;
  readonly key: string;
  readonly part_size: number;
  /** Null until it has begun. */
  readonly upload_id: string | null;
  /** Times that it began anew. */
  readonly restarts: number;
  readonly parts: readonly UploadedPart[];
}
