import type { DenoVersion } from "../../../stack/process/deno_versions.ts";
import { mainThreadCpuMs } from "./cpu.ts";
import { type BenchProject, WORKER } from "./project.ts";
import { type EndedRun, endOf } from "./run.ts";
import type { Target } from "./target.ts";

/** A backup and what its worker used. */
export interface WorkerUse {
  readonly run: EndedRun;
  /** Main-thread CPU from the request that starts the backup to its end, without loading. */
  readonly cpuMs: number;
}

/**
 * Backs a project up to a bucket of the target by one process that is loaded already. Listing,
 * digests, commits and the seal are all in what it used.
 *
 * @throws Error where more than one process worked
 */
export async function backUpInOneProcess(
  project: BenchProject,
  where: { deno: DenoVersion; target: Target; bucket: string },
): Promise<WorkerUse> {
  // An isolate that ends early would have another one take the rest over.
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
