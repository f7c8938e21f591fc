import {
  MAX_BYTES_IN_FLIGHT,
  MAX_OBJECTS_IN_FLIGHT,
} from "../../../supabase/functions/_holdfast/engine/budget.ts";
import { LIMITS } from "../../../stack/edge/isolate_limits.ts";
import { EDGE_RUNTIME_DENO } from "../../../stack/process/deno_versions.ts";
import type { Bench } from "../bench.ts";
import type { Measure, Row } from "../row.ts";
import { bootCpu } from "../support/boot_cpu.ts";
import { layObjects } from "../support/objects.ts";
import { passThroughCpuMs } from "../support/pass_through.ts";
import { type BenchProject, createBenchProject, WORKER } from "../support/project.ts";
import { countersOf } from "../support/run.ts";
import { startTarget } from "../support/target.ts";

const OBJECTS = { quick: 6_000, usual: 8_000, full: 8_000 };
const OBJECT_BYTES = 10_000;
const PROMISED_OBJECTS = 5_000;
/** The CPU budget of an isolate in this row. The platform kills it at 2,000 ms. */
const BUDGET_MS = 1_900;

/** The small objects that one isolate copies in its lifetime, after loading its modules. */
export const coldIsolate: Row = {
  name: "cold-isolate",
  async measure(bench) {
    const { emptyMs } = await bootCpu(bench, EDGE_RUNTIME_DENO);
    await using project = await createBenchProject(bench, "cold_isolate");
    const count = bench.pick(OBJECTS);
    const files = { bucket: "files", count, size: OBJECT_BYTES };
    await layObjects(project.sql, project.directory, files);
    const measures: Measure[] = [];
    for (const budgetMs of [BUDGET_MS, undefined]) {
      const { objects, cpuMs, end } = await oneIsolate(bench, project, budgetMs);
      const ownMs = cpuMs - emptyMs;
      measures.push({
        name: `10 KB objects by one cold isolate, Deno ${EDGE_RUNTIME_DENO}, ` +
          (budgetMs ? `allowed ${budgetMs / 1000} s of CPU` : "by default"),
        value: objects,
        unit: "objects",
        ...(budgetMs && { target: { atLeast: PROMISED_OBJECTS } }),
        note:
          `used ${Math.round(ownMs)} ms (Deno's own start took ${Math.round(emptyMs)}), ended ` +
          `by ${end}; in ${BUDGET_MS} ms it would be ${Math.round(objects * BUDGET_MS / ownMs)}`,
      });
    }
    measures.push(await floor(bench, project, count));
    return measures;
  },
};

/** The upper bound: a new process that only passes bytes on. A backup cannot reach it. */
async function floor(bench: Bench, project: BenchProject, count: number): Promise<Measure> {
  await using target = await startTarget(bench);
  const cpuMs = await passThroughCpuMs(bench, project, {
    deno: EDGE_RUNTIME_DENO,
    target,
    from: "files",
    to: "passed-through",
    limits: { items: MAX_OBJECTS_IN_FLIGHT, bytes: MAX_BYTES_IN_FLIGHT },
  });
  return {
    name: `10 KB objects by a plain pass-through, Deno ${EDGE_RUNTIME_DENO}, in ` +
      `${BUDGET_MS / 1000} s of CPU`,
    value: Math.round(count * BUDGET_MS / cpuMs),
    unit: "objects",
    note: `${count} took ${Math.round(cpuMs)} ms; neither hashed nor signed nor listed`,
  };
}

/**
 * Backs up until the first isolate ends. Its post for the next slice is lost, so the rest is not
 * copied.
 */
async function oneIsolate(bench: Bench, project: BenchProject, budgetMs: number | undefined) {
  await using target = await startTarget(bench);
  await using workers = await project.startWorkers({
    deno: EDGE_RUNTIME_DENO,
    target,
    bucket: "backed-up",
    mode: "per_post",
    limits: LIMITS.hosted,
    secrets: budgetMs === undefined ? {} : { HOLDFAST_CPU_MILLISECONDS: String(budgetMs) },
  });
  project.losePosts(1);
  const run = await workers.startBackup();
  await workers.functions.idle();
  const objects = (await countersOf(project.sql, run))["objects_copied"] ?? 0;
  await project.sql`
    select holdfast_private.cancel_run(id) from holdfast_private.runs where id = ${run} and state = 'running'`;
  while (workers.functions.pids(WORKER).length > 0) {
    await new Promise((done) => setTimeout(done, 20));
  }
  const [{ cpuMilliseconds, end }] = workers.functions.isolates(WORKER);
  return { objects, cpuMs: cpuMilliseconds, end };
}
