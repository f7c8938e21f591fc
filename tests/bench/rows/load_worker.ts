import { EDGE_RUNTIME_DENO } from "../../../stack/process/deno_versions.ts";
import type { Row } from "../row.ts";
import { bootCpu } from "../support/boot_cpu.ts";

/** Main-thread CPU to load a worker's modules, before its first request. */
export const loadWorker: Row = {
  name: "load-worker",
  async measure(bench) {
    const { workerMs, emptyMs } = await bootCpu(bench, EDGE_RUNTIME_DENO);
    return [{
      name: `loading a worker, main-thread CPU, Deno ${EDGE_RUNTIME_DENO}`,
      value: workerMs - emptyMs,
      unit: "ms",
      target: { atMost: 100 },
      note: `a process that loads nothing needs ${Math.round(emptyMs)} ms`,
    }];
  },
};
