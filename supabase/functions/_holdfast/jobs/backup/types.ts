/** Types that the steps of a backup share. */
import type { UploadedPart } from "../../destinations/store.ts";
import type { BackupItem } from "../../transfer/types.ts";

/** The row of a multipart upload. */
export interface UploadState {
  /** The object as it was when the upload began. */
  readonly object: BackupItem;
  /** Key in the repository. */
  readonly key: string;
  /** Bytes of each part except the last. */
  readonly part_size: number;
  /** The S3 server's id of the upload; null before it has begun. */
  readonly upload_id: string | null;
  /** Times that the upload was started over in this run. */
  readonly restarts: number;
  /** The parts that are sent and recorded. */
  readonly parts: readonly UploadedPart[];
}
