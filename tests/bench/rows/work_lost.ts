import { PART_BYTES } from "../../../supabase/functions/_holdfast/transfer/parts.ts";
import { PAGE_OBJECTS } from "../../../supabase/functions/_holdfast/engine/budget.ts";
import {
  type BlobShape,
  digestStream,
} from "../../../supabase/functions/_holdfast/repository/digest.ts";
import { CURRENT_DENO } from "../../../stack/process/deno_versions.ts";
import { ByteStore, type Location } from "../../../stack/storage/byte_store.ts";
import { eventually } from "../../support/eventually.ts";
import type { Bench, Extent } from "../bench.ts";
import type { Row } from "../row.ts";
import { layObjects, type ObjectsToLay } from "../support/objects.ts";
import { type BenchProject, createBenchProject, WORKER, type Workers } from "../support/project.ts";
import { endOf } from "../support/run.ts";
import { startTarget } from "../support/target.ts";

const KILLS: Record<Extent, number> = { quick: 2, usual: 5, full: 10 };
/** A slice is killed within this time of its start, in milliseconds. */
const LONGEST_LIFE_MS = 4_000;

/** The work that is repeated after kills at random moments, counted by the servers. */
export const workLost: Row = {
  name: "work-lost",
  async measure(bench) {
    const small = { count: bench.pick({ quick: 1_500, usual: 4_000, full: 10_000 }), size: 10_000 };
    const large = {
      count: 1,
      size: PART_BYTES * bench.pick({ quick: 6, usual: 128, full: 640 }),
    };
    const [pages, parts] = [await loseWork(bench, small), await loseWork(bench, large)];
    return [
      {
        name: "objects copied again, for each kill of a worker",
        value: pages.readAgain / Math.max(1, pages.kills),
        unit: "objects",
        target: { atMost: PAGE_OBJECTS },
        note: `${pages.readAgain} of ${small.count} in ${pages.kills} kills`,
      },
      {
        name: "parts of a large object sent again, for each kill of its worker",
        value: parts.sentAgain / Math.max(1, parts.kills),
        unit: "parts",
        target: { atMost: 1 },
        note: `${parts.sentAgain} sent and ${parts.readAgain} read again of ` +
          `${large.size / PART_BYTES} in ${parts.kills} kills; the digest is right`,
      },
    ];
  },
};

/**
 * Backs objects up while workers are killed, and counts repeated reads and repeated parts.
 * Verifies the copy against the source.
 */
async function loseWork(bench: Bench, objects: Omit<ObjectsToLay, "bucket">) {
  await using project = await createBenchProject(bench, `work_lost_${objects.size}`);
  await layObjects(project.sql, project.directory, { bucket: "files", ...objects });
  await using target = await startTarget(bench);
  await using workers = await project.startWorkers({
    deno: CURRENT_DENO,
    target,
    bucket: "backed-up",
  });
  const run = await workers.startBackup();
  const ended = endOf(project.sql, run);
  const kills = await killAtRandom(project, workers, run, bench.pick(KILLS));
  await ended;
  const counts = await project.source.ask<Record<string, number>>("counts");
  const reads = counts["GET object/authenticated"] ?? 0;
  const { UploadPart: sent = 0 } = await target.server.ask<Record<string, number>>("counts");
  if (sent > 0) await assertArrived(project);
  const needed = objects.count * Math.ceil(objects.size / PART_BYTES);
  return { kills, readAgain: reads - needed, sentAgain: sent - needed };
}

/** Verifies the object's digest against the source. The server has verified each part's digest. */
async function assertArrived(project: BenchProject): Promise<void> {
  const [row] = await project.sql<[Location & BlobShape & { sha256: string }]>`
    select o.bucket_id as bucket, o.name, o.version, b.size::float8 as size,
      b.part_size::float8 as part_size, encode(b.sha256, 'hex') as sha256
    from storage.objects o
      join holdfast_private.entries e on e.bucket_id = o.bucket_id and e.name = o.name
      join holdfast_private.blobs b on b.id = e.blob`;
  const bytes = await new ByteStore(project.directory).open(row);
  if (!bytes) throw new Error("the source's bytes are missing");
  const { sha256 } = await digestStream(bytes.stream(0, row.size), row);
  if (sha256 !== row.sha256) throw new Error(`${row.name} arrived with other bytes`);
}

/** Kills workers `times` times or until the run ends. Returns the number of kills. */
async function killAtRandom(
  project: BenchProject,
  workers: Workers,
  run: string,
  times: number,
): Promise<number> {
  for (let kills = 0; kills < times; kills++) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_LIFE_MS));
    const [{ running }] = await project.sql<{ running: boolean }[]>`
      select state in ('running', 'sealing') as running from holdfast_private.runs where id = ${run}`;
    if (!running) return kills;
    await untilMayBeKilled(project, run);
    await workers.functions.kill(WORKER);
    // The same as a minute's wait and a tick.
    await project
      .sql`update holdfast_private.cursors set lease_expires_at = now() where run = ${run}`;
    await project.sql`select holdfast_private.post_slice(${run})`;
  }
  return times;
}

/** Waits for a commit after two kills: a third one would make the object a poison object. */
async function untilMayBeKilled(project: BenchProject, run: string): Promise<void> {
  await eventually("a commit", async () => {
    const [{ crashes }] = await project.sql<{ crashes: number }[]>`
      select coalesce(max(crashes), 0) as crashes from holdfast_private.cursors
      where run = ${run} and finished_at is null`;
    return crashes < 2;
  });
}
