/** Completes an upload of which all parts are sent, and verifies what its key holds afterwards. */
import { HoldfastError } from "../../config/errors.ts";
import { compositeDigest, multipartEtag } from "../../repository/digest.ts";
import { dataKey } from "../../repository/keys.ts";
import type { RepositoryStore, UploadedPart } from "../../destinations/store.ts";
import type { StoredBytes } from "../../transfer/types.ts";
import type { UploadState } from "./types.ts";

/** The stored bytes, or the key `beginAt` at which the upload must start over. */
export type Completion = { readonly stored: StoredBytes } | { readonly beginAt: string };

/**
 * Completes an upload.
 *
 * @param parts all parts, in order of their numbers
 * @throws HoldfastError `repository_unreachable` if the upload is still open and can be completed later
 */
export async function complete(
  state: UploadState,
  uploadId: string,
  parts: readonly UploadedPart[],
  store: RepositoryStore,
): Promise<Completion> {
  const outcome = await tryToComplete(state, uploadId, parts, store);
  if (outcome === "taken") return { beginAt: await nextKey(state) };
  if (outcome === "missing") return { beginAt: state.key };
  return {
    stored: {
      key: state.key,
      size: state.object.size ?? 0,
      sha256: await compositeDigest(parts.map(({ sha256 }) => sha256)),
      part_size: state.part_size,
    },
  };
}

/**
 * Tries to complete the upload. After any failure, the object under the key decides. If an earlier
 * completion succeeded and its response was lost, servers respond differently: Amazon reports
 * success, MinIO NoSuchUpload, and radosgw InternalError (as for any unknown upload).
 */
async function tryToComplete(
  { key, object }: UploadState,
  uploadId: string,
  parts: readonly UploadedPart[],
  store: RepositoryStore,
): Promise<"stored" | "taken" | "missing"> {
  let retryable: HoldfastError | undefined;
  let outcome: "stored" | "exists" | "missing" | undefined;
  try {
    outcome = await store.completeUpload(key, uploadId, parts);
  } catch (error) {
    if (!(error instanceof HoldfastError && error.code === "repository_unreachable")) throw error;
    retryable = error;
  }
  if (outcome === "stored") return "stored";
  const there = await store.head(key);
  // The key may hold the bytes of another read of this version. If the server's etags can't prove
  // that they are these parts, they count as other bytes, which only costs a second copy.
  const etag = multipartEtag(parts.map((part) => part.etag));
  if (there?.size === object.size && there.etag === etag) return "stored";
  if (retryable && await store.hasUpload(key, uploadId)) throw retryable;
  return there || outcome === "exists" ? "taken" : "missing";
}

/** Most keys of one version, as for small objects. */
const MAX_COPIES = 9;

/** The next key for a copy of the version; the same key if it is the last one. */
async function nextKey({ key, object: { bucket_id, name, version } }: UploadState) {
  for (let copy = 1; copy < MAX_COPIES; copy++) {
    if (await dataKey(bucket_id, name, version, copy) === key) {
      return await dataKey(bucket_id, name, version, copy + 1);
    }
  }
  return key;
}
