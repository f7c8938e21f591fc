import { endedByLimit } from "../../../stack/edge/isolates.ts";
import { LIMITS } from "../../../stack/edge/isolate_limits.ts";
import { EDGE_RUNTIME_DENO } from "../../../stack/process/deno_versions.ts";
import type { Row } from "../row.ts";
import { layObjects } from "../support/objects.ts";
import { createBenchProject, WORKER } from "../support/project.ts";
import { endOf } from "../support/run.ts";
import { startTarget } from "../support/target.ts";

const OBJECTS = { quick: 2_000, usual: 100_000, full: 100_000 };
const PROMISED_OBJECTS = 100_000;

/** The invocations of a first backup if isolates have the platform's limits. */
export const invocations: Row = {
  name: "invocations",
  async measure(bench) {
    const count = bench.pick(OBJECTS);
    await using project = await createBenchProject(bench, "invocations");
    bench.say(`laying down ${count} objects`);
    await layObjects(project.sql, project.directory, { bucket: "files", count, size: 10_000 });
    await using target = await startTarget(bench);
    await using workers = await project.startWorkers({
      deno: EDGE_RUNTIME_DENO,
      target,
      bucket: "backed-up",
      limits: LIMITS.hosted,
    });
    const { seconds } = await endOf(project.sql, await workers.startBackup());
    const isolates = workers.functions.isolates(WORKER);
    const scaled = count === PROMISED_OBJECTS ? "" : `, scaled from ${count}`;
    const note = `${isolates.length} isolates, ${Math.round(seconds)} s`;
    return [
      {
        name: `invocations for a first backup of 100,000 objects of 10 KB${scaled}`,
        value: workers.invocations() * PROMISED_OBJECTS / count,
        unit: "invocations",
        target: { atMost: 40 },
        note,
      },
      {
        name: "isolates of it that a limit killed",
        value: isolates.filter(endedByLimit).length,
        unit: "isolates",
        target: { atMost: 0 },
      },
    ];
  },
};
