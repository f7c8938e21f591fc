/** The stage that copies one object larger than a part, as a multipart upload over several slices. */
import type { Lease, SliceContext, Stage } from "../../engine/types.ts";
import { firstIsPoisonObject } from "../../engine/invocation.ts";
import { HoldfastError, messageOf } from "../../config/errors.ts";
import { logError } from "../../observability/log.ts";
import { dataKey } from "../../repository/keys.ts";
import type { CopyContext } from "./copy.ts";
import type { BackupItem, BackupResult, Counters, ObjectFailure } from "../../transfer/types.ts";
import { actOnPage, POISON_OBJECT } from "./batch.ts";
import { isMultipart, partSizeFor } from "../../transfer/parts.ts";
import type { UploadState } from "./types.ts";
import { sendParts, type UploadStep } from "./upload_parts.ts";

/** Most restarts of an upload in one run. After more, the failure is recorded for this run. */
const MAX_RESTARTS = 5;

/**
 * Makes the stage that continues an upload at its first missing part.
 *
 * @param outside the dependencies of copying
 */
export function uploadStage(outside: CopyContext): Stage {
  return async (lease, context) => {
    while (true) {
      const state = await context.commit<UploadState>("upload_state", lease);
      const step = await advance(state, lease, context, outside).catch(refusal);
      if (step.kind === "more") return "more";
      if (step.kind === "restart" && state.restarts < MAX_RESTARTS) {
        await restart(state, step.object, step.key, lease, context, outside);
      } else if (step.kind !== "begun") {
        await end(state, step, lease, context, outside);
        return "finished";
      }
      if (context.budget.exhausted()) return "more";
    }
  };
}

/** Converts a refusal of S3 to a failure of this object, so that the run continues. */
function refusal(error: unknown): UploadStep {
  if (!(error instanceof HoldfastError && error.code === "repository_refused")) throw error;
  return {
    kind: "failed",
    failure: { class: "failed", code: error.code, message: messageOf(error) },
  };
}

async function advance(
  state: UploadState,
  lease: Lease,
  context: SliceContext,
  outside: CopyContext,
): Promise<UploadStep> {
  if (firstIsPoisonObject(lease)) return { kind: "failed", failure: POISON_OBJECT };
  if (!isMultipart(state.object)) return await copyInOneRequest(state.object, context, outside);
  if (state.upload_id !== null) {
    return await sendParts(state, state.upload_id, lease, context, outside);
  }
  const uploadId = await outside.store.beginUpload(state.key, "application/octet-stream");
  await context.commit("upload_begun", lease, { upload_id: uploadId });
  return { kind: "begun" };
}

/** Copies an object that was overwritten by a smaller one, which needs no multipart upload. */
async function copyInOneRequest(
  object: BackupItem,
  context: SliceContext,
  outside: CopyContext,
): Promise<UploadStep> {
  const { results: [result], counters, outage } = await actOnPage(
    [object],
    outside,
    context.budget,
  );
  if (outage) throw outage;
  if (!result?.upload) return { kind: "done", result: result ?? null, done: counters };
  const { upload: { key }, ...larger } = result;
  return { kind: "restart", object: larger, key, failure: restless };
}

const restless: ObjectFailure = {
  class: "failed",
  code: "storage_failed",
  message: "the object was overwritten again and again while it was read",
};

/**
 * Starts the upload over. The old upload is aborted after the commit, because only the commit proves
 * that this worker still holds the cursor.
 */
async function restart(
  state: UploadState,
  object: BackupItem,
  key: string | undefined,
  lease: Lease,
  context: SliceContext,
  outside: CopyContext,
): Promise<void> {
  await context.commit("upload_restart", lease, {
    object,
    key: key ?? await dataKey(object.bucket_id, object.name, object.version),
    part_size: partSizeFor(object.size ?? 0),
  });
  await abandon(state, outside);
}

async function end(
  state: UploadState,
  step: Extract<UploadStep, { kind: "done" | "failed" | "restart" }>,
  lease: Lease,
  context: SliceContext,
  outside: CopyContext,
): Promise<void> {
  if (step.kind === "done") {
    await context.commit("upload_done", lease, { result: step.result, done: step.done });
    if (step.result?.stored?.key !== state.key) await abandon(state, outside);
    return;
  }
  const object = step.kind === "restart" ? step.object : state.object;
  const result: BackupResult = { ...object, failure: step.failure };
  const done: Counters = { [`objects_${step.failure.class}`]: 1 };
  await context.commit("upload_done", lease, { result, done });
  await abandon(state, outside);
}

/**
 * Aborts an upload at the S3 server. An error is only logged: parts that stay cost money but do no
 * harm, and the key may lack the right to abort.
 */
async function abandon(state: UploadState, { store }: CopyContext): Promise<void> {
  if (state.upload_id === null) return;
  try {
    await store.abortUpload(state.key, state.upload_id);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    logError({ code: error.code, message: error.message, key: state.key });
  }
}
