import assert from "node:assert/strict";
import {
  bucketsStage,
  limitsOf,
  type SnapshotBucket,
} from "../../../../../../supabase/functions/_holdfast/jobs/restore/buckets.ts";
import type {
  Lease,
  SliceContext,
} from "../../../../../../supabase/functions/_holdfast/engine/types.ts";
import type { BucketOutcome } from "../../../../../../supabase/functions/_holdfast/project/storage_writer.ts";
import type { RestoreContext } from "../../../../../../supabase/functions/_holdfast/jobs/restore/upload_blob.ts";
import type { RestoreItem } from "../../../../../../supabase/functions/_holdfast/jobs/restore/types.ts";

const BUCKET: SnapshotBucket = {
  id: "b",
  name: "b",
  public: false,
  file_size_limit: null,
  allowed_mime_types: null,
  exists: false,
  made: "no",
};

function takes(bucket: Partial<SnapshotBucket>, size: number | null, type: string | null): boolean {
  const item = { size, metadata: { type, cache_control: null } } as RestoreItem;
  return limitsOf({ ...BUCKET, ...bucket }).take(item);
}

Deno.test("a bucket without limits accepts everything, and so does an unknown bucket", () => {
  assert.ok(takes({}, 10 ** 12, null));
  assert.ok(takes({ allowed_mime_types: [] }, 1, "any/thing"));
  assert.ok(limitsOf(undefined).take({ size: 1, metadata: { type: "x" } } as RestoreItem));
});

Deno.test("a size up to the limit is accepted, and one byte more is refused", () => {
  assert.ok(takes({ file_size_limit: 10 }, 10, null));
  assert.ok(!takes({ file_size_limit: 10 }, 11, null));
  assert.ok(takes({ file_size_limit: 0 }, 0, null));
});

Deno.test("a type is accepted if it is listed exactly, as Storage compares it", () => {
  const allowed_mime_types = ["image/png", "text/*"];
  assert.ok(takes({ allowed_mime_types }, 1, "image/png"));
  for (const type of ["image/PNG", "image/png; q=1", "text/html", null, ""]) {
    // Such an object is restored through the scratch bucket.
    assert.ok(!takes({ allowed_mime_types }, 1, type), String(type));
  }
});

Deno.test("a target that refuses the scratch bucket is reported and not treated as an outage", async () => {
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

/** Runs the stage and returns the recorded intents and bucket requests in order. */
async function makeBuckets(
  buckets: SnapshotBucket[],
  answer: (id: string) => BucketOutcome,
) {
  const events: string[] = [];
  let begun: { id: string; made: string; direct: boolean }[] = [];
  const outside = {
    writer: {
      createBucket: ({ id }: { id: string }) => {
        if (!id.startsWith("holdfast-scratch-")) events.push(`make ${id}`);
        return Promise.resolve(id.startsWith("holdfast-scratch-") ? { kind: "done" } : answer(id));
      },
    },
  } as unknown as RestoreContext;
  const commit = (name: string, _lease: Lease, parameters: Record<string, unknown>) => {
    const { made, asked, buckets: settled } = parameters ?? {};
    if (name === "record_bucket_intent") events.push(`made ${made}, asked ${asked}`);
    if (name === "restore_begin") begun = settled as typeof begun;
    return Promise.resolve(buckets);
  };
  const lease = { run: crypto.randomUUID() } as Lease;
  await bucketsStage(outside)(lease, { commit } as unknown as SliceContext);
  return { events, begun: begun.map(({ id, made, direct }) => [id, made, direct]) };
}

Deno.test("the intent is recorded before a bucket is created, and only new buckets are written directly", async () => {
  const outcomes: Record<string, BucketOutcome> = {
    new: { kind: "done" },
    meanwhile: { kind: "exists" },
    unanswered: { kind: "unsure" },
    bad: { kind: "refused", message: "bad" },
  };
  const known: SnapshotBucket[] = [
    { ...BUCKET, id: "live", exists: true, made: "no" },
    { ...BUCKET, id: "before", exists: true, made: "perhaps" },
  ];
  const missing = Object.keys(outcomes).map((id) => ({ ...BUCKET, id }));
  const { events, begun } = await makeBuckets([...known, ...missing], (id) => outcomes[id]!);
  assert.deepEqual(events, [
    "made , asked before,new",
    "make new",
    "made new, asked before,meanwhile",
    "make meanwhile",
    "made new, asked before,unanswered",
    "make unanswered",
    "made new, asked before,unanswered,bad",
    "make bad",
  ]);
  assert.deepEqual(begun, [
    ["live", "no", false],
    ["before", "perhaps", false],
    ["new", "yes", true],
    ["meanwhile", "no", false],
    ["unanswered", "perhaps", false],
    ["bad", "no", false],
  ]);
});

Deno.test("many of thousands of buckets are created in one batch", async () => {
  const buckets = Array.from({ length: 1_001 }, (_, each) => ({ ...BUCKET, id: `b${each}` }));
  const { events, begun } = await makeBuckets(buckets, () => ({ kind: "done" }));
  assert.equal(events.filter((each) => each.startsWith("made")).length, 167);
  assert.ok(begun.every(([, made]) => made === "yes"));
});
