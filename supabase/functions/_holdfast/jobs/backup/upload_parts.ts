/** Sending an upload's parts: ranged GETs held to one etag or version, each part a row. */
import { mapConcurrent } from "../../lib/concurrency/map_concurrent.ts";
import { Semaphore } from "../../lib/concurrency/semaphore.ts";
import type { Lease, SliceContext } from "../../engine/types.ts";
import { releaseBuffer } from "../../lib/release_buffer.ts";
import { hexDigest } from "../../lib/codecs/hex.ts";
import type { UploadedPart } from "../../destinations/store.ts";
import { complete } from "./complete_upload.ts";
import { type CopyContext, type CopyRequests, findMovedObject } from "./copy.ts";
import type { BackupItem, BackupResult, Counters, ObjectFailure } from "../../transfer/types.ts";
import { detectOutage } from "../../transfer/detect_outage.ts";
import { type PartRange, partRanges } from "../../transfer/parts.ts";
import { readObject } from "../../transfer/read_object.ts";
import type { UploadState } from "./types.ts";

/** What one step of an upload came to. */
export type UploadStep =
  | { readonly kind: "begun" }
  /** The budget is spent; what was sent is recorded. */
  | { readonly kind: "more" }
  /** Held, or with null gone from the source. */
  | { readonly kind: "done"; readonly result: BackupResult | null; readonly done: Counters }
  | { readonly kind: "failed"; readonly failure: ObjectFailure }
  /** To begin anew, at `key` or the object's first; `failure` is what to record instead at the end of patience. */
  | {
    readonly kind: "restart";
    readonly object: BackupItem;
    readonly key?: string;
    readonly failure: ObjectFailure;
  };

/** One part is read while the one before it is sent: no more, or a worker's death would cost more. */
const PARTS_AT_ONCE = 2;

/** Sends what is missing, part by part, and completes the upload. */
export async function sendParts(
  state: UploadState,
  uploadId: string,
  lease: Lease,
  context: SliceContext,
  outside: CopyContext,
): Promise<UploadStep> {
  const { budget } = context;
  const parts = new Map(state.parts.map((part) => [part.number, part]));
  const missing = partRanges(state.object.size ?? 0, state.part_size)
    .filter(({ number }) => !parts.has(number));
  const sending = new Semaphore(1);
  let ended: UploadStep | undefined;
  const tried = await mapConcurrent(
    missing,
    {
      // Two may have been what killed.
      items: lease.isolation_mode ? 1 : PARTS_AT_ONCE,
      weight: budget.bytesInFlight,
      enough: () =>
        ended !== undefined || budget.exhausted() || !budget.canAfford(1, state.part_size),
    },
    () => state.part_size,
    async (range) => {
      await budget.ready();
      budget.charge(1, range.last - range.first + 1);
      const read = await readPart(state, range, outside);
      if (!("bytes" in read)) {
        ended ??= read;
        return;
      }
      const leave = await sending.enter(1);
      try {
        // What came before it may have ended the upload.
        if (ended) return;
        const part = await sendPart(state, uploadId, read, outside);
        if (!part) {
          ended = lost(state, state.key);
          return;
        }
        await context.commit("upload_part_done", lease, { part, done: {} });
        parts.set(part.number, part);
      } finally {
        leave();
        releaseBuffer(read.bytes);
      }
    },
  );
  if (ended) return ended;
  if (tried.length < missing.length) return { kind: "more" };
  const completion = await complete(
    state,
    uploadId,
    [...parts.values()].sort(byNumber),
    outside.store,
  );
  if ("beginAt" in completion) return lost(state, completion.beginAt);
  return {
    kind: "done",
    result: { ...state.object, stored: completion.stored },
    done: { objects_copied: 1, s3_requests: 2 },
  };
}

const byNumber = (a: UploadedPart, b: UploadedPart) => a.number - b.number;

/** A part in memory. */
interface ReadPart {
  readonly number: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sha256: string;
}

async function readPart(
  state: UploadState,
  range: PartRange,
  outside: CopyContext,
): Promise<ReadPart | UploadStep> {
  // upload_part_done counts the requests of a part that was sent.
  const requests: CopyRequests = { storage: 0, s3: 0 };
  const read = await readObject(state.object, outside, requests, range);
  switch (read.kind) {
    case "missing": {
      const moved = await findMovedObject(state.object, outside);
      return moved
        ? { kind: "restart", object: moved, failure: restless }
        : { kind: "done", result: null, done: {} };
    }
    case "failure": {
      const outage = await detectOutage([read], [], outside);
      if (outage) throw outage;
      return { kind: "failed", failure: read.failure };
    }
    case "changed":
      return { kind: "restart", object: read.item, failure: restless };
    case "read":
      return { number: range.number, bytes: read.bytes, sha256: await hexDigest(read.bytes) };
  }
}

/** Puts a part; undefined where S3 knows the upload no more. */
async function sendPart(
  { key }: UploadState,
  uploadId: string,
  { number, bytes, sha256 }: ReadPart,
  { store }: CopyContext,
): Promise<UploadedPart | undefined> {
  const size = bytes.length;
  const etag = await store.putPart(key, uploadId, number, bytes, sha256);
  return etag === undefined ? undefined : { number, size, etag, sha256 };
}

const restless: ObjectFailure = {
  class: "failed",
  code: "storage_failed",
  message: "the object was overwritten again and again while its parts were read",
};

/** S3 knows the upload no more, or has other bytes under its key. */
function lost({ object }: UploadState, key: string): UploadStep {
  const failure: ObjectFailure = {
    class: "failed",
    code: "repository_refused",
    message: "S3 forgot the upload again and again",
  };
  return { kind: "restart", object, key, failure };
}
