/** One object above one part: ranged GETs held to one etag, one part in memory, each part a row. */
import type { Lease, SliceContext, Stage } from "../engine/slice.ts";
import { compositeDigest } from "../repository/digest.ts";
import { dataKey, hexDigest } from "../repository/keys.ts";
import type { UploadedPart } from "../repository/store.ts";
import type { CopyContext, CopyRequests } from "./copy.ts";
import type { BackupItem, BackupResult, ObjectFailure, StoredBytes } from "./items.ts";
import { partRanges, partSizeFor } from "./parts.ts";
import { readObject } from "./read.ts";

interface UploadState {
  readonly object: BackupItem;
  readonly key: string;
  readonly part_size: number;
  readonly upload_id: string | null;
  readonly parts: readonly UploadedPart[];
}

type PartOutcome =
  | { readonly kind: "uploaded" }
  | { readonly kind: "lost" }
  | { readonly kind: "gone" }
  | { readonly kind: "changed"; readonly item: BackupItem }
  | { readonly kind: "failure"; readonly failure: ObjectFailure };

/** Copies further keys of one version are tried up to, as for small objects. */
const MAX_COPIES = 9;

/** Goes on with an upload at its first missing part. */
export function uploadStage(outside: CopyContext): Stage {
  return async (lease, context) => {
    while (true) {
      const state = await context.commit<UploadState>("upload_state", lease);
      const size = state.object.size ?? 0;
      if (state.upload_id === null) {
        await begin(state, lease, context, outside);
        continue;
      }
      const done = new Set(state.parts.map((part) => part.number));
      const missing = partRanges(size, state.part_size).find((part) => !done.has(part.number));
      if (!missing) {
        await complete(state, lease, context, outside);
        return "finished";
      }
      const leave = await context.budget.bytesInFlight.enter(state.part_size);
      const outcome = await uploadPart(state, state.upload_id, missing, lease, context, outside)
        .finally(leave);
      if (outcome.kind === "lost") await restart(state.object, lease, context);
      else if (outcome.kind === "changed") {
        await outside.store.abortUpload(state.key, state.upload_id);
        await restart(outcome.item, lease, context);
      } else if (outcome.kind !== "uploaded") {
        await outside.store.abortUpload(state.key, state.upload_id);
        await context.commit("upload_done", lease, ended(state.object, outcome));
        return "finished";
      }
      if (context.budget.spent()) return "more";
    }
  };
}

async function begin(
  state: UploadState,
  lease: Lease,
  context: SliceContext,
  outside: CopyContext,
): Promise<void> {
  const uploadId = await outside.store.beginUpload(state.key, "application/octet-stream");
  await context.commit("upload_begun", lease, { upload_id: uploadId });
}

/** Begins anew for the object as it is now, at its first free key. */
async function restart(object: BackupItem, lease: Lease, context: SliceContext): Promise<void> {
  await context.commit("upload_restart", lease, {
    object,
    key: await dataKey(object.bucket_id, object.name, object.version),
    part_size: partSizeFor(object.size ?? 0),
  });
}

async function uploadPart(
  state: UploadState,
  uploadId: string,
  part: { number: number; first: number; last: number },
  lease: Lease,
  context: SliceContext,
  outside: CopyContext,
): Promise<PartOutcome> {
  const requests: CopyRequests = { storage: 0, s3: 0 };
  const read = await readObject(state.object, outside.reader, outside.database, requests, part);
  if (read.kind !== "read") return read;
  const sha256 = await hexDigest(read.bytes);
  const size = read.bytes.length;
  const etag = await outside.store.putPart(state.key, uploadId, part.number, read.bytes, sha256)
    // Frees them now: garbage counts against the isolate's memory until it is collected.
    .finally(() => read.bytes.buffer.transfer(0));
  if (etag === undefined) return { kind: "lost" };
  await context.commit("upload_part_done", lease, {
    part: { number: part.number, size, etag, sha256 },
  });
  context.budget.charge(1, size);
  return { kind: "uploaded" };
}

function ended(
  object: BackupItem,
  outcome: Extract<PartOutcome, { kind: "gone" | "failure" }>,
): { result: BackupResult | null; done: Record<string, number> } {
  return outcome.kind === "gone" ? { result: null, done: {} } : {
    result: { ...object, failure: outcome.failure },
    done: { [`objects_${outcome.failure.class}`]: 1 },
  };
}

/** Completes the upload and commits the blob with its composite digest. */
async function complete(
  state: UploadState,
  lease: Lease,
  context: SliceContext,
  outside: CopyContext,
): Promise<void> {
  const outcome = await outside.store.completeUpload(state.key, state.upload_id ?? "", state.parts);
  const size = state.object.size ?? 0;
  // Gone: an earlier completion was done and its reply lost, or the upload was aborted; exists:
  // the key was completed before. Either way the key tells.
  const there = outcome === "stored" ? undefined : await outside.store.head(state.key);
  if (outcome === "stored" || there?.size === size) {
    const stored: StoredBytes = {
      key: state.key,
      size,
      sha256: await compositeDigest(state.parts.map((part) => part.sha256)),
      part_size: state.part_size,
    };
    await context.commit("upload_done", lease, {
      result: { ...state.object, stored },
      done: { objects_copied: 1, s3_requests: 2 },
    });
    return;
  }
  await restartElsewhere(state, lease, context, outcome === "exists");
}

/** Other bytes lie under this key: the version goes under the next one. */
async function restartElsewhere(
  state: UploadState,
  lease: Lease,
  context: SliceContext,
  taken: boolean,
): Promise<void> {
  const { bucket_id, name, version } = state.object;
  let key = state.key;
  for (let copy = 1; taken && copy < MAX_COPIES; copy++) {
    if (await dataKey(bucket_id, name, version, copy) !== state.key) continue;
    key = await dataKey(bucket_id, name, version, copy + 1);
  }
  await context.commit("upload_restart", lease, {
    object: state.object,
    key,
    part_size: state.part_size,
  });
  await context.commit("release_cursor", lease);
}
