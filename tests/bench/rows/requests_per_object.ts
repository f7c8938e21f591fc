import { CURRENT_DENO } from "../../../stack/process/deno_versions.ts";
import type { Row } from "../row.ts";
import { backUpInOneProcess } from "../support/worker_cpu.ts";
import { layObjects } from "../support/objects.ts";
import { createBenchProject } from "../support/project.ts";
import { startTarget } from "../support/target.ts";

const OBJECTS = { quick: 500, usual: 1_000, full: 10_000 };

/** All requests of a first backup, as the servers counted them. */
export const requestsPerObject: Row = {
  name: "requests-per-object",
  async measure(bench) {
    const count = bench.pick(OBJECTS);
    await using project = await createBenchProject(bench, "requests");
    await layObjects(project.sql, project.directory, { bucket: "files", count, size: 1_000 });
    await using target = await startTarget(bench);
    await backUpInOneProcess(project, { deno: CURRENT_DENO, target, bucket: "backed-up" });
    const counts = {
      ...await project.source.ask<Record<string, number>>("counts"),
      ...await target.server.ask<Record<string, number>>("counts"),
    };
    const all = Object.values(counts).reduce((sum, each) => sum + each, 0);
    return [{
      name: "requests per new object of up to one part",
      value: all / count,
      unit: "requests",
      target: { atMost: 2.05 },
      note: Object.entries(counts).map(([route, times]) => `${times} ${route}`).join(", "),
    }];
  },
};
