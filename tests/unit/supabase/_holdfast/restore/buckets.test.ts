import assert from "node:assert/strict";
import {
  bucketsStage,
  limitsOf,
  type SnapshotBucket,
} from "../../../../../supabase/functions/_holdfast/restore/buckets.ts";
import type {
  Lease,
  SliceContext,
} from "../../../../../supabase/functions/_holdfast/engine/slice.ts";
import type { RestoreContext } from "../../../../../supabase/functions/_holdfast/restore/put.ts";
import type { RestoreItem } from "../../../../../supabase/functions/_holdfast/restore/items.ts";

const BUCKET: SnapshotBucket = {
  id: "b",
  name: "b",
  public: false,
  file_size_limit: null,
  allowed_mime_types: null,
  exists: false,
  of_this_run: false,
};

function takes(bucket: Partial<SnapshotBucket>, size: number | null, type: string | null): boolean {
  const item = { size, metadata: { type, cache_control: null } } as RestoreItem;
  return limitsOf({ ...BUCKET, ...bucket }).take(item);
}

Deno.test("a bucket without limits takes everything, and so does one that nobody knows", () => {
  assert.ok(takes({}, 10 ** 12, null));
  assert.ok(takes({ allowed_mime_types: [] }, 1, "any/thing"));
  assert.ok(limitsOf(undefined).take({ size: 1, metadata: { type: "x" } } as RestoreItem));
});

Deno.test("a size up to the limit is taken, and not a byte more", () => {
  assert.ok(takes({ file_size_limit: 10 }, 10, null));
  assert.ok(!takes({ file_size_limit: 10 }, 11, null));
  assert.ok(takes({ file_size_limit: 0 }, 0, null));
});

Deno.test("a type is taken where it is listed exactly, as Storage compares it", () => {
  const allowed_mime_types = ["image/png", "text/*"];
  assert.ok(takes({ allowed_mime_types }, 1, "image/png"));
  for (const type of ["image/PNG", "image/png; q=1", "text/html", null, ""]) {
    // Through the scratch bucket it gets there all the same.
    assert.ok(!takes({ allowed_mime_types }, 1, type), String(type));
  }
});

Deno.test("a target that takes no scratch bucket says so; nobody waits for it as in an outage", async () => {
  const message = "the project is read-only";
  const outside = {
    writer: { createBucket: () => Promise.resolve({ kind: "refused", message }) },
  } as unknown as RestoreContext;
  const lease = { run: crypto.randomUUID() } as Lease;
  const context = { commit: () => Promise.resolve([]) } as unknown as SliceContext;
  await assert.rejects(bucketsStage(outside)(lease, context), {
    code: "target_refused",
    message: /no scratch bucket: the project is read-only/,
  });
});
