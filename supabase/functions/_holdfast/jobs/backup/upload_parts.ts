/** Sends the parts of an upload: ranged GETs that must have one etag or version, and a row a part. */
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

/** The result of one step of an upload. */
export type UploadStep =
  /** The upload was begun at the S3 server. */
  | { readonly kind: "begun" }
  /** The budget is exhausted; the parts sent so far are recorded. */
  | { readonly kind: "more" }
  /** The object is copied, or (null) deleted from the source. */
  | { readonly kind: "done"; readonly result: BackupResult | null; readonly done: Counters }
  /** The object can't be copied. */
  | { readonly kind: "failed"; readonly failure: ObjectFailure }
  /**
   * The upload must start over, at `key` or else at the object's first key. If there were too many
   * restarts, `failure` is recorded instead.
   */
  | {
    readonly kind: "restart";
    readonly object: BackupItem;
    readonly key?: string;
    readonly failure: ObjectFailure;
  };

/** One part is read while another is sent. With more, a crash of the worker would lose more work. */
const PARTS_AT_ONCE = 2;

/**
 * Sends the missing parts and completes the upload.
 *
 * @param uploadId the S3 server's id of the upload
 * @throws HoldfastError `storage_unreachable` or `repository_…` if the object is not the cause
 */
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
      // Two parts at once may have caused the crash, so isolation mode allows one.
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
        // An earlier part may have ended the upload.
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

/** A part that was read into memory. */
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

/** Puts a part; undefined if the S3 server no longer has the upload. */
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

/** Restarts an upload that the S3 server no longer has, or whose key holds other bytes. */
function lost({ object }: UploadState, key: string): UploadStep {
  const failure: ObjectFailure = {
    class: "failed",
    code: "repository_refused",
    message: "the S3 server lost the upload repeatedly",
  };
  return { kind: "restart", object, key, failure };
}
