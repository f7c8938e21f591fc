import type { DenoVersion } from "../../../stack/process/deno_versions.ts";
import { mainThreadCpuMs } from "./cpu.ts";
import { type BenchProject, WORKER } from "./project.ts";
import { type EndedRun, endOf } from "./run.ts";
import type { Target } from "./target.ts";

/** A backup and the CPU of its worker. */
export interface WorkerUse {
  readonly run: EndedRun;
  /** Main-thread CPU from the request that starts the backup to its end, without loading. */
  readonly cpuMs: number;
}

/**
 * Backs a project up to a bucket of the target with one process that is already loaded. Listing,
 * digests, commits and the seal are included in the CPU.
 *
 * @throws Error if more than one process worked
 */
export async function backUpInOneProcess(
  project: BenchProject,
  where: { deno: DenoVersion; target: Target; bucket: string },
): Promise<WorkerUse> {
  // If the isolate ended early, another one would take over the rest.
  const secrets = { HOLDFAST_CPU_MILLISECONDS: "60000" };
  await using workers = await project.startWorkers({ ...where, secrets });
  const pid = await workers.boot();
  const before = mainThreadCpuMs(pid);
  const run = await endOf(project.sql, await workers.startBackup());
  await workers.functions.idle();
  const cpuMs = mainThreadCpuMs(pid) - before;
  if (workers.functions.isolates(WORKER).length > 1) {
    throw new Error("more than one process worked on the backup");
  }
  return { run, cpuMs };
}
