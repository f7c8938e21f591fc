/** Aborting the multipart uploads that nothing will finish: what S3 keeps of them costs money. */
import { mapConcurrent } from "../../lib/concurrency/map_concurrent.ts";
import type { Lease, SliceContext } from "../../engine/types.ts";
import { HoldfastError } from "../../config/errors.ts";
import { logError } from "../../observability/log.ts";
import { DATA_PREFIX } from "../../repository/keys.ts";
import { openRepository } from "../../repository/open.ts";
import type { OpenUpload, RepositoryStore } from "../../destinations/store.ts";

/** Uploads that one run aborts; the next goes on. */
const MAX_ABORTS = 100;
const ABORTS_AT_ONCE = 8;
/** Answers of a listing, of 1,000 uploads each, that one run reads. */
const MAX_LISTINGS = 10;
/** A worker may have begun an upload that it has not written down yet, but not so long ago. */
const ORPHAN_AGE_MS = 24 * 60 * 60 * 1000;

type Upload = Pick<OpenUpload, "key" | "id">;

interface OrphanedUploads {
  readonly orphaned: readonly {
    readonly row: number;
    readonly key: string;
    readonly id: string | null;
  }[];
  readonly began: boolean;
}

/**
 * Aborts what ended runs left and this run did not take over; and where it had uploads itself, so
 * that other runs list nothing, also those that no row knows. Nothing here is worth failing a run.
 */
export async function abortOrphanedUploads(
  lease: Lease,
  context: SliceContext,
  store: RepositoryStore,
): Promise<void> {
  const { orphaned, began } = await context.commit<OrphanedUploads>("orphaned_uploads", lease, {
    max_uploads: MAX_ABORTS,
  });
  try {
    if (orphaned.length > 0) {
      const begun = orphaned.flatMap(({ key, id }) => id === null ? [] : [{ key, id }]);
      const kept = await abortAll(begun, store);
      const missing = orphaned.filter(({ id }) => id === null || !kept.has(id)).map(({ row }) =>
        row
      );
      await context.commit("remove_uploads", lease, {
        missing,
        done: { s3_requests: begun.length },
      });
    }
    if (began) await abortAll(await findOrphans(lease, context, store), store);
  } catch (error) {
    if (!(error instanceof HoldfastError) || !error.code.startsWith("repository_")) throw error;
    logError({ run: lease.run, code: error.code, message: error.message });
  }
}

/** Uploads older than a day that no row knows, as long as the repository is known to be ours. */
async function findOrphans(
  lease: Lease,
  context: SliceContext,
  store: RepositoryStore,
): Promise<readonly Upload[]> {
  const old = await listOld(store);
  if (old.length === 0) return [];
  const unknown = new Set(
    await context.commit<string[]>("unknown_uploads", lease, { ids: old.map(({ id }) => id) }),
  );
  const orphans = old.filter(({ id }) => unknown.has(id)).slice(0, MAX_ABORTS);
  if (orphans.length === 0) return [];
  // Another project may have taken the repository over, and have uploads of its own there.
  const { newRecords } = await openRepository(store, context.database);
  return newRecords.length === 0 ? orphans : [];
}

/** Uploads of objects that began more than a day ago, by the server's clock. */
async function listOld(store: RepositoryStore): Promise<Upload[]> {
  const old: Upload[] = [];
  let after: Upload | undefined;
  for (let listings = 0; listings < MAX_LISTINGS; listings++) {
    const { uploads, more, now } = await store.listUploads(DATA_PREFIX, after);
    old.push(...uploads.filter(({ begunAt }) => now.getTime() - begunAt.getTime() > ORPHAN_AGE_MS));
    after = uploads.at(-1);
    if (!more) break;
  }
  return old;
}

/** Aborts uploads, and returns the ids of those that are worth another try. */
async function abortAll(uploads: readonly Upload[], store: RepositoryStore): Promise<Set<string>> {
  const kept = new Set<string>();
  const refusals: HoldfastError[] = [];
  await mapConcurrent(uploads, { items: ABORTS_AT_ONCE }, () => 1, async ({ key, id }) => {
    try {
      await store.abortUpload(key, id);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      if (error.code === "repository_unreachable") kept.add(id);
      else refusals.push(error);
    }
  });
  // A key may not be allowed to: the bucket's own rules remove them then.
  const [first] = refusals;
  if (first) {
    logError({ code: first.code, message: first.message, orphaned_uploads: refusals.length });
  }
  return kept;
}
