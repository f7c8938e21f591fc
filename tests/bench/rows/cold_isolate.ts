import { EDGE_RUNTIME_DENO } from "../../stack/process/deno_versions.ts";
import type { Bench } from "../bench.ts";
import type { Row } from "../row.ts";
import { bootCpu } from "../support/boot_cpu.ts";
import { mainThreadCpuMs } from "../support/cpu.ts";
import { layObjects } from "../support/objects.ts";
import { createBenchProject } from "../support/project.ts";
import { countersOf, endOf } from "../support/run.ts";
import { startTarget } from "../support/target.ts";

const OBJECTS = { quick: 1_000, usual: 6_000, full: 8_000 };
const OBJECT_BYTES = 10_000;
/** What an isolate may use on the platform is 2 s; a lane that is told to stops here. */
const BUDGET_MS = 1_900;

/** How many small objects one isolate copies before its CPU is used up, its start included. */
export const coldIsolate: Row = {
  name: "cold-isolate",
  async measure(bench) {
    const { emptyMs } = await bootCpu(bench, EDGE_RUNTIME_DENO);
    const { done, cpuMs, all } = await copyUntil(bench, BUDGET_MS + emptyMs);
    return [{
      name: `10 KB objects by one cold isolate within ${BUDGET_MS / 1000} s, Deno ` +
        EDGE_RUNTIME_DENO,
      value: done,
      unit: "objects",
      target: { atLeast: 5_000 },
      note: `loading included, Deno's own start of ${Math.round(emptyMs)} ms not` +
        (all ? `; there were no more, and they took ${Math.round(cpuMs - emptyMs)} ms` : ""),
    }];
  },
};

/** Copies in a fresh process until its main thread has used so much since it began, or all is done. */
async function copyUntil(
  bench: Bench,
  budgetMs: number,
): Promise<{ done: number; cpuMs: number; all: boolean }> {
  const count = bench.pick(OBJECTS);
  await using project = await createBenchProject(bench, "cold_isolate");
  await layObjects(project.sql, project.directory, { bucket: "files", count, size: OBJECT_BYTES });
  await using target = await startTarget(bench);
  await using lanes = await project.startLanes({
    deno: EDGE_RUNTIME_DENO,
    target,
    bucket: "backed-up",
  });
  const pid = await lanes.boot();
  const run = await lanes.startBackup();
  let done = 0;
  let cpuMs = 0;
  const ended = await endOf(project.sql, run, async () => {
    const used = mainThreadCpuMs(pid);
    if (used > budgetMs) return;
    cpuMs = used;
    done = (await countersOf(project.sql, run))["objects_copied"] ?? 0;
  });
  return { done, cpuMs, all: done === ended.counters["objects_copied"] };
}
