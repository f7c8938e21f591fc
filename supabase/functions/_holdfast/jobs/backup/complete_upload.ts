/** Completing an upload whose parts are all there, and telling what lies under its key then. */
import { HoldfastError } from "../../config/errors.ts";
import { compositeDigest, multipartEtag } from "../../repository/digest.ts";
import { dataKey } from "../../repository/keys.ts";
import type { RepositoryStore, UploadedPart } from "../../destinations/store.ts";
import type { StoredBytes } from "../../transfer/types.ts";
import type { UploadState } from "./types.ts";

/** The bytes are stored; or the upload has to begin anew, at `beginAt`. */
export type Completion = { readonly stored: StoredBytes } | { readonly beginAt: string };

/**
 * Completes an upload of these parts, in their order.
 * @throws HoldfastError `repository_unreachable`: it is still under way
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
 * Whatever the answer, the key tells. An upload whose completion was done and its answer lost is
 * complete again at Amazon, NoSuchUpload at MinIO, and at radosgw, like any that it does not know, an
 * InternalError.
 */
async function tryToComplete(
  { key, object }: UploadState,
  uploadId: string,
  parts: readonly UploadedPart[],
  store: RepositoryStore,
): Promise<"stored" | "taken" | "missing"> {
  let passing: HoldfastError | undefined;
  let outcome: "stored" | "exists" | "missing" | undefined;
  try {
    outcome = await store.completeUpload(key, uploadId, parts);
  } catch (error) {
    if (!(error instanceof HoldfastError && error.code === "repository_unreachable")) throw error;
    passing = error;
  }
  if (outcome === "stored") return "stored";
  const there = await store.head(key);
  // What lies there may be another read of this version. Where the server's etags don't tell whether
  // it is these parts, it is taken for other bytes: that costs a second copy and no more.
  const etag = multipartEtag(parts.map((part) => part.etag));
  if (there?.size === object.size && there.etag === etag) return "stored";
  if (passing && await store.hasUpload(key, uploadId)) throw passing;
  return there || outcome === "exists" ? "taken" : "missing";
}

/** Copies of one version are tried up to, as for small objects. */
const MAX_COPIES = 9;

/** The key for a further copy of the version; the same at the last. */
async function nextKey({ key, object: { bucket_id, name, version } }: UploadState) {
  for (let copy = 1; copy < MAX_COPIES; copy++) {
    if (await dataKey(bucket_id, name, version, copy) === key) {
      return await dataKey(bucket_id, name, version, copy + 1);
    }
  }
  return key;
}
