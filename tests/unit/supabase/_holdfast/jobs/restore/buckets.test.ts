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

/** What the stage says and asks for, in order, with an answer to each request for a bucket. */
async function makeBuckets(
  buckets: SnapshotBucket[],
  answer: (id: string) => BucketOutcome,
) {
  const told: string[] = [];
  let begun: { id: string; made: string; direct: boolean }[] = [];
  const outside = {
    writer: {
      createBucket: ({ id }: { id: string }) => {
        if (!id.startsWith("holdfast-scratch-")) told.push(`make ${id}`);
        return Promise.resolve(id.startsWith("holdfast-scratch-") ? { kind: "done" } : answer(id));
      },
    },
  } as unknown as RestoreContext;
  const commit = (name: string, _lease: Lease, parameters: Record<string, unknown>) => {
    const { made, asked, buckets: settled } = parameters ?? {};
    if (name === "record_bucket_intent") told.push(`made ${made}, asked ${asked}`);
    if (name === "restore_begin") begun = settled as typeof begun;
    return Promise.resolve(buckets);
  };
  const lease = { run: crypto.randomUUID() } as Lease;
  await bucketsStage(outside)(lease, { commit } as unknown as SliceContext);
  return { told, begun: begun.map(({ id, made, direct }) => [id, made, direct]) };
}

Deno.test("what is asked for is said before, and only what is sure to be new is written to directly", async () => {
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
  const { told, begun } = await makeBuckets([...known, ...missing], (id) => outcomes[id]!);
  assert.deepEqual(told, [
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

Deno.test("of thousands of buckets many are asked for at once", async () => {
  const buckets = Array.from({ length: 1_001 }, (_, each) => ({ ...BUCKET, id: `b${each}` }));
  const { told, begun } = await makeBuckets(buckets, () => ({ kind: "done" }));
  assert.equal(told.filter((each) => each.startsWith("made")).length, 167);
  assert.ok(begun.every(([, made]) => made === "yes"));
});
