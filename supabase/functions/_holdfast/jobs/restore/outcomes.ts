/** The results of restoring one entry. */
import type { Overwrite, RestoreItem, RestoreResult } from "./types.ts";

/** Message for an object that took the name while the restore ran and is kept. */
export const TAKEN_MEANWHILE = "another object took this name while the restore ran";

/** Message for an object that changed before it could be overwritten and is kept. */
export const CHANGED_MEANWHILE = "it was changed or deleted while the restore ran";

/**
 * Makes the result of an entry.
 *
 * @param counts counters to increase by one
 * @param put the version that was read back; its row gets the entry's metadata
 */
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

/** The entry could not be restored. */
export function failed(item: RestoreItem, code: string, message: string): RestoreResult {
  return { ...result(item, ["objects_failed"]), failure: { class: "failed", code, message } };
}

/** The entry is a poison object: it is skipped and recorded as failed. */
export function recordPoisonObject(item: RestoreItem): RestoreResult {
  const message = "each slice that restored it was ended by the platform before it was done";
  return failed(item, "poison_object", message);
}

/** The target keeps its object. The message says why. */
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

/**
 * The bytes are right, and the row keeps its metadata. If the restore was allowed to overwrite, the
 * result has a failure that says why it did not.
 */
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

/** Storage has the row without the bytes, and the row must not be overwritten. */
export function lost(item: RestoreItem): RestoreResult {
  const message = "Storage has its row and not its bytes, and no snapshot holds this version: " +
    "delete the row, then restore again";
  return failed(item, "bytes_missing", message);
}

/** Storage fails for this object, but not for others. */
export function unknown(item: RestoreItem): RestoreResult {
  return failed(item, "storage_failed", "whether Storage still has its bytes could not be learned");
}

/** The snapshot lists the entry without bytes. */
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

/** The target refused the object, or another object has its name. */
export function refused(
  item: RestoreItem,
  outcome: { kind: string; message?: string },
): RestoreResult {
  return outcome.kind === "exists"
    ? kept(item, TAKEN_MEANWHILE)
    : failed(item, "target_refused", outcome.message ?? "the target refused the object");
}

/** The restored object is not the blob, or can't be read back. */
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
