/** Aborts orphaned multipart uploads, because the S3 server charges for their parts. */
import { mapConcurrent } from "../../lib/concurrency/map_concurrent.ts";
import type { Lease, SliceContext } from "../../engine/types.ts";
import { HoldfastError } from "../../config/errors.ts";
import { logError } from "../../observability/log.ts";
import { DATA_PREFIX } from "../../repository/keys.ts";
import { openRepository } from "../../repository/open.ts";
import type { OpenUpload, RepositoryStore } from "../../destinations/store.ts";

/** Most uploads that one run aborts. The next run aborts the others. */
const MAX_ABORTS = 100;
const ABORTS_AT_ONCE = 8;
/** Most pages of a listing, of 1,000 uploads each, that one run reads. */
const MAX_LISTINGS = 10;
/** Age in milliseconds from which an upload without a row is orphaned. A newer one may get its row yet. */
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
 * Aborts the uploads of ended runs that this run does not continue. If this run began uploads itself,
 * it also aborts old uploads that have no row; other runs skip that listing. Errors of the repository
 * are only logged, because an orphaned upload does no harm to the snapshot.
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

/** Finds uploads older than a day without a row, if the repository still belongs to this project. */
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
  // If another project has taken the repository over, the uploads may be its own.
  const { newRecords } = await openRepository(store, context.database);
  return newRecords.length === 0 ? orphans : [];
}

/** Lists uploads that began more than a day ago, by the S3 server's clock. */
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

/** Aborts uploads. Returns the ids of those to retry in a later run. */
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
  // The key may lack the right to abort uploads. A lifecycle rule of the bucket can remove them.
  const [first] = refusals;
  if (first) {
    logError({ code: first.code, message: first.message, orphaned_uploads: refusals.length });
  }
  return kept;
}
