import { createHash } from "node:crypto";
import type { HeldItem } from "../../../../../../supabase/functions/_holdfast/jobs/restore/types.ts";

/** An entry with these bytes, uploaded with one PUT, that the target does not have. */
export function heldItem(bytes: string | Uint8Array, changes: Partial<HeldItem> = {}): HeldItem {
  return {
    bucket_id: "b",
    name: "n",
    version: "v",
    metadata: { type: null, cache_control: null },
    code: null,
    blob: 1,
    key: "data/b/n/v",
    size: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    part_size: null,
    reassigned: false,
    target: null,
    ...changes,
  };
}
