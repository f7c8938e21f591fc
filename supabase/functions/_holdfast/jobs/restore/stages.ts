/** The stages of the restore job and their dependencies. */
import { type Budget, pageClock, pageObjects } from "../../engine/budget.ts";
import { mapConcurrent } from "../../lib/concurrency/map_concurrent.ts";
import type { Lease, SliceContext, Stage, Stages } from "../../engine/types.ts";
import { firstIsPoisonObject } from "../../engine/invocation.ts";
import { createObjectReader } from "../../project/storage_reader.ts";
import { createObjectWriter } from "../../project/storage_writer.ts";
import { assertLocationOfRun, type RepositoryLocation } from "../../repository/location.ts";
import { createS3Store } from "../../destinations/s3/store.ts";
import type { Services } from "../../transfer/services.ts";
import { readRepositorySettings } from "../../config/environment.ts";
import type { BucketPlan } from "./write_new.ts";
import { restoreEntry } from "./restore_object.ts";
import { bucketsStage, limitsOf, type SnapshotBucket } from "./buckets.ts";
import type { Overwrite, RestoreItem, RestoreResult } from "./types.ts";
import { createHealthProbe, healthCheckedWriter } from "./health_probe.ts";
import type { RestoreContext } from "./upload_blob.ts";
import { recordPoisonObject } from "./outcomes.ts";
import { scratchBucket } from "./scratch.ts";

/** Makes the stages of a restore that follow its import, by `restore.<stage>`. */
export function restoreStages({ project, database, environment, transport }: Services): Stages {
  const within = (make: (outside: RestoreContext) => Stage): Stage => (lease, context) => {
    const repository = readRepositorySettings(environment);
    assertLocationOfRun(lease.plan["location"] as RepositoryLocation | undefined, repository);
    const reader = createObjectReader(project, transport, context.budget.rateLimiter);
    const writer = createObjectWriter(project, transport);
    const storageIsHealthy = createHealthProbe(writer, reader, scratchBucket(lease.run));
    const outside: RestoreContext = {
      clock: transport.clock,
      database,
      reader,
      writer: healthCheckedWriter(writer, storageIsHealthy, lease.attempts),
      storageIsHealthy,
      store: createS3Store(repository, transport),
      recordIntent: ({ bucket, name }, { version, keeps }) =>
        context.commit("restore_overwrites", lease, { bucket_id: bucket, name, version, keeps }),
      attempts: lease.attempts,
    };
    return make(outside)(lease, context);
  };
  return {
    "restore.plan": planStage,
    "restore.buckets": within(bucketsStage),
    "restore.objects": within(objectsStage),
    "restore.finish": within(finishStage),
  };
}

/** Counts what the restore would do. Millions of objects need several statements and slices. */
const planStage: Stage = async (lease, context) => {
  while (!await context.commit<boolean>("restore_count", lease)) {
    if (context.budget.exhausted()) return "more";
  }
  await context.commit("restore_planned", lease);
  return "finished";
};

/** Restores the snapshot's entries of one bucket, page by page. */
function objectsStage(outside: RestoreContext): Stage {
  return async (lease, context) => {
    const buckets = await context.commit<SnapshotBucket[]>("restore_buckets", lease);
    const plan = bucketPlan(lease, buckets.find((bucket) => bucket.id === lease.bucket_id));
    let poisonObject = firstIsPoisonObject(lease);
    while (true) {
      const items = await context.commit<RestoreItem[]>("restore_page", lease, {
        max_items: pageObjects(lease),
      });
      if (items.length === 0) {
        await context.commit("finish_cursor", lease);
        return "finished";
      }
      await commitPage(
        poisonObject
          ? [recordPoisonObject(items[0]!)]
          : await restorePage(items, plan, context.budget, outside),
        items,
        lease,
        context,
      );
      poisonObject = false;
      if (context.budget.exhausted()) return "more";
    }
  };
}

function bucketPlan(lease: Lease, bucket: SnapshotBucket | undefined): BucketPlan {
  const direct = lease.position["direct"] === true;
  const limits = limitsOf(bucket);
  return {
    overwrite: lease.plan["overwrite"] as Overwrite,
    scratch: scratchBucket(lease.run),
    direct: (item) => direct && limits.take(item),
  };
}

/** Restores the entries that fit the page's time and the budget. The others follow in the next page. */
async function restorePage(
  items: readonly RestoreItem[],
  plan: BucketPlan,
  budget: Budget,
  outside: RestoreContext,
): Promise<RestoreResult[]> {
  await budget.ready();
  const timeIsUp = pageClock(budget.clock);
  const enough = () => timeIsUp() || budget.exhausted();
  return await mapConcurrent(
    items,
    {
      items: () => budget.rateLimiter.concurrency.limit(),
      weight: budget.bytesInFlight,
      waitForRate: () => budget.rateLimiter.waitForRate(enough),
      enough: (next) => enough() || !budget.canAfford(...cost(next)),
    },
    inMemory,
    async (item) => {
      budget.charge(...cost(item));
      const result = await restoreEntry(item, plan, outside);
      const putBack = item.target?.right && result.counts[0] !== "objects_already_right";
      if (putBack) budget.charge(...cost({ ...item, target: null }));
      return result;
    },
  );
}

/** Commits the results of a page's first items. */
async function commitPage(
  results: readonly RestoreResult[],
  items: readonly RestoreItem[],
  lease: Lease,
  context: SliceContext,
): Promise<void> {
  await context.commit("restore_commit", lease, {
    results: results.map(({ counts: _, ...result }) => result),
    to_name: items[results.length - 1]?.name,
    done: count(results, items),
  });
}

/** Objects and bytes to charge for an entry: it is written and read back, or only checked if right. */
function cost({ target, size }: RestoreItem): readonly [number, number] {
  return target?.right ? [1, 0] : [2, 2 * (size ?? 0)];
}

/** Most bytes of an entry in memory at once: the blob, and later the bytes that are read back. */
function inMemory(item: RestoreItem): number {
  return Math.min(item.size ?? 0, item.part_size ?? Infinity);
}

function count(
  results: readonly RestoreResult[],
  items: readonly RestoreItem[],
): Record<string, number> {
  const counters: Record<string, number> = {};
  results.forEach((result, index) => {
    for (const name of result.counts) counters[name] = (counters[name] ?? 0) + 1;
    if (result.counts.includes("objects_restored")) {
      counters["bytes_restored"] = (counters["bytes_restored"] ?? 0) + (items[index]?.size ?? 0);
    }
  });
  return counters;
}

/** Removes the scratch bucket and ends the run. */
function finishStage(outside: RestoreContext): Stage {
  return async (lease, context) => {
    await outside.writer.dropBucket(scratchBucket(lease.run));
    await context.commit("restore_done", lease);
    return "finished";
  };
}
