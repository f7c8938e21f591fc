/** What a restore says of one entry. */
import type { Overwrite, RestoreItem, RestoreResult } from "./types.ts";

/** Why an object is kept that a restore finds where it was about to put one. */
export const TAKEN_MEANWHILE = "another object took this name while the restore ran";

/** Why an object is kept that was to be written over. */
export const CHANGED_MEANWHILE = "it was changed or deleted while the restore ran";

/** What was done; with `put`, which was read back, the row is patched. */
export function result(
  item: RestoreItem,
  counts: readonly string[],
  put?: { readonly version: string; readonly etag?: string | null },
): RestoreResult {
  const { bucket_id, name, version, metadata, blob } = item;
  return {
    bucket_id,
    name,
    version,
    metadata,
    blob,
    counts,
    ...(put && { restored_version: put.version }),
    ...(put?.etag && { restored_etag: put.etag }),
  };
}

/** It could not be restored. */
export function failed(item: RestoreItem, code: string, message: string): RestoreResult {
  return { ...result(item, ["objects_failed"]), failure: { class: "failed", code, message } };
}

/** What becomes of an entry that killed too many workers: it is recorded and not touched again. */
export function recordPoisonObject(item: RestoreItem): RestoreResult {
  const message = "each slice that restored it was ended by the platform before it was done";
  return failed(item, "poison_object", message);
}

/** The target keeps what it has. */
export function kept(
  item: RestoreItem,
  message: string,
  counts: readonly string[] = ["objects_kept"],
): RestoreResult {
  return {
    ...result(item, counts),
    failure: { class: "failed", code: "target_differs", message },
  };
}

/** The bytes are right, and the row is left as it is: whoever asked to overwrite it is told why. */
export function metadataKept(
  item: RestoreItem,
  counts: string[],
  overwrite: Overwrite,
): RestoreResult {
  const all = [...counts, "objects_metadata_kept"];
  if (overwrite === "never") return result(item, all);
  const message =
    "its metadata are in no snapshot yet: run a backup first, then they may be put back";
  return kept(item, message, all);
}

/** Storage has the row and not the bytes, and the row can't be written over. */
export function lost(item: RestoreItem): RestoreResult {
  const message = "Storage has its row and not its bytes, and no snapshot holds this version: " +
    "delete the row, then restore again";
  return failed(item, "bytes_missing", message);
}

/** Storage gives no answer about it, and does about others. */
export function unknown(item: RestoreItem): RestoreResult {
  return failed(item, "storage_failed", "whether Storage still has its bytes could not be learned");
}

/** The snapshot holds no bytes of it. */
export function unavailable(item: RestoreItem): RestoreResult {
  return {
    ...result(item, ["objects_unavailable"]),
    failure: {
      class: "unavailable",
      code: item.code ?? "storage_failed",
      message: "the snapshot lists it without bytes: they could not be had when it was taken",
    },
  };
}

/** The target did not take it. */
export function refused(
  item: RestoreItem,
  outcome: { kind: string; message?: string },
): RestoreResult {
  return outcome.kind === "exists"
    ? kept(item, TAKEN_MEANWHILE)
    : failed(item, "target_refused", outcome.message ?? "the target refused the object");
}

/** What lies there is not the blob. */
export function differs(
  item: RestoreItem,
  compared: "different" | { unreadable: string },
): RestoreResult {
  return failed(
    item,
    "restored_bytes_differ",
    compared === "different"
      ? "what was put does not read back as it was backed up"
      : `what was put can't be read back: ${compared.unreadable}`,
  );
}
