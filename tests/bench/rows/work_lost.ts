import { PART_BYTES } from "../../../supabase/functions/_holdfast/backup/parts.ts";
import { PAGE_OBJECTS } from "../../../supabase/functions/_holdfast/engine/budget.ts";
import { CURRENT_DENO } from "../../stack/process/deno_versions.ts";
import type { Bench, Extent } from "../bench.ts";
import type { Row } from "../row.ts";
import { layObjects, type ObjectsToLay } from "../support/objects.ts";
import { type BenchProject, createBenchProject, LANE, type Lanes } from "../support/project.ts";
import { endOf } from "../support/run.ts";
import { startTarget } from "../support/target.ts";

const KILLS: Record<Extent, number> = { quick: 2, usual: 5, full: 10 };
/** Within this time of its start a slice is killed. */
const LONGEST_LIFE_MS = 4_000;

/** What is read again when a lane is killed, at random moments, counted by the source. */
export const workLost: Row = {
  name: "work-lost",
  async measure(bench) {
    const small = { count: bench.pick({ quick: 1_500, usual: 4_000, full: 10_000 }), size: 10_000 };
    const large = {
      count: 1,
      size: PART_BYTES * bench.pick({ quick: 6, usual: 40, full: 640 }),
    };
    const [pages, parts] = [await loseWork(bench, small), await loseWork(bench, large)];
    return [
      {
        name: "objects copied again, for each kill of a lane",
        value: pages.readAgain / Math.max(1, pages.kills),
        unit: "objects",
        target: { atMost: PAGE_OBJECTS },
        note: `${pages.readAgain} of ${small.count} in ${pages.kills} kills`,
      },
      {
        name: "parts of a large object copied again, for each kill of its lane",
        value: parts.readAgain / Math.max(1, parts.kills),
        unit: "parts",
        target: { atMost: 1 },
        note: `${parts.readAgain} of ${large.size / PART_BYTES} in ${parts.kills} kills`,
      },
    ];
  },
};

/** Backs objects up while lanes are killed, and counts the reads that were not the first. */
async function loseWork(bench: Bench, objects: Omit<ObjectsToLay, "bucket">) {
  await using project = await createBenchProject(bench, `work_lost_${objects.size}`);
  await layObjects(project.sql, project.directory, { bucket: "files", ...objects });
  await using target = await startTarget(bench);
  await using lanes = await project.startLanes({ deno: CURRENT_DENO, target, bucket: "backed-up" });
  const run = await lanes.startBackup();
  const ended = endOf(project.sql, run);
  const kills = await killAtRandom(project, lanes, run, bench.pick(KILLS));
  await ended;
  const counts = await project.source.ask<Record<string, number>>("counts");
  const reads = counts["GET object/authenticated"] ?? 0;
  const needed = objects.count * Math.ceil(objects.size / PART_BYTES);
  return { kills, readAgain: reads - needed };
}

/** Kills so many times, unless the run ends before; returns how often it did. */
async function killAtRandom(
  project: BenchProject,
  lanes: Lanes,
  run: string,
  times: number,
): Promise<number> {
  for (let kills = 0; kills < times; kills++) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_LIFE_MS));
    const [{ running }] = await project.sql<{ running: boolean }[]>`
      select state in ('running', 'sealing') as running from holdfast.runs where id = ${run}`;
    if (!running) return kills;
    await lanes.functions.kill(LANE);
    // What a minute's wait and the tick would do.
    await project.sql`update holdfast.cursors set lease_expires_at = now() where run = ${run}`;
    await project.sql`select holdfast.post_slice(${run})`;
  }
  return times;
}
