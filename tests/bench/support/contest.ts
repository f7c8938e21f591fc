/**
 * Copies one set of objects with a worker, a plain pass-through and rclone, in several iterations.
 */
import type { DenoVersion } from "../../../stack/process/deno_versions.ts";
import {
  MAX_BYTES_IN_FLIGHT,
  MAX_OBJECTS_IN_FLIGHT,
} from "../../../supabase/functions/_holdfast/engine/budget.ts";
import type { Bench, Extent } from "../bench.ts";
import { median } from "../row.ts";
import { backUpInOneProcess } from "./worker_cpu.ts";
import { layObjects } from "./objects.ts";
import { passThroughCpuMs } from "./pass_through.ts";
import { type BenchProject, createBenchProject } from "./project.ts";
import { rcloneVersion, runRclone } from "./rclone.ts";
import { startTarget } from "./target.ts";

/** The objects to copy. */
export interface Load {
  readonly name: string;
  /** The size of each, in bytes. */
  readonly size: number;
  readonly counts: Record<Extent, number>;
}

/** The sizes for which figures are promised. */
export const LOADS = {
  small: { name: "10 KB", size: 10_000, counts: { quick: 500, usual: 4_000, full: 10_000 } },
  medium: { name: "1 MiB", size: 1_048_576, counts: { quick: 50, usual: 500, full: 1_000 } },
  large: { name: "100 MB", size: 100_000_000, counts: { quick: 1, usual: 10, full: 10 } },
} as const satisfies Record<string, Load>;

/**
 * CPU of one iteration, in milliseconds for all objects: of the main thread, for rclone of all
 * threads.
 */
interface Iteration {
  readonly worker: number;
  readonly passThrough: number;
  /** Undefined where rclone is not installed. */
  readonly rclone: number | undefined;
}

/** The result of all iterations. */
export interface ContestResult {
  readonly objects: number;
  /** Medians, milliseconds of CPU for one object. */
  readonly workerMs: number;
  readonly passThroughMs: number;
  readonly rcloneMs: number | undefined;
  /** The ratio of each iteration. */
  readonly againstPassThrough: readonly number[];
  /** Undefined where rclone is not installed. */
  readonly againstRclone: readonly number[] | undefined;
}

const ITERATIONS: Record<Extent, number> = { quick: 1, usual: 3, full: 5 };

/** Measures a load on a Deno once in a run of the bench. */
export function contest(bench: Bench, load: Load, deno: DenoVersion): Promise<ContestResult> {
  return bench.once(`contest ${load.name} ${deno}`, async () => {
    const count = bench.pick(load.counts);
    await using project = await createBenchProject(bench, `contest_${crypto.randomUUID()}`);
    bench.say(`laying down ${count} objects of ${load.name}`);
    await layObjects(project.sql, project.directory, { bucket: "files", count, size: load.size });
    const iterations: Iteration[] = [];
    for (let iteration = 1; iteration <= bench.pick(ITERATIONS); iteration++) {
      bench.say(`copying them on Deno ${deno}, iteration ${iteration}`);
      iterations.push(await runIteration(bench, project, deno));
    }
    return summarize(iterations, count);
  });
}

/** Runs one iteration with an empty target and new processes. */
async function runIteration(
  bench: Bench,
  project: BenchProject,
  deno: DenoVersion,
): Promise<Iteration> {
  await using target = await startTarget(bench);
  const limits = { items: MAX_OBJECTS_IN_FLIGHT, bytes: MAX_BYTES_IN_FLIGHT };
  const passThrough = await passThroughCpuMs(bench, project, {
    deno,
    target,
    from: "files",
    to: "passed-through",
    limits,
  });
  const { cpuMs: worker } = await backUpInOneProcess(project, {
    deno,
    target,
    bucket: "backed-up",
  });
  // rclone copies the worker's objects: the same bytes under keys of the same form.
  const rclone = await rcloneVersion() === undefined ? undefined : await runRclone(
    bench,
    target,
    "copy",
    "backed-up/holdfast/data/files",
    "cloned",
  );
  return { worker, passThrough, rclone: rclone?.cpuMs };
}

function summarize(iterations: readonly Iteration[], objects: number): ContestResult {
  const each = (pick: (iteration: Iteration) => number) => median(iterations.map(pick));
  const withRclone = iterations.every((iteration) => iteration.rclone !== undefined);
  return {
    objects,
    workerMs: each((iteration) => iteration.worker) / objects,
    passThroughMs: each((iteration) => iteration.passThrough) / objects,
    rcloneMs: withRclone ? each((iteration) => iteration.rclone!) / objects : undefined,
    againstPassThrough: iterations.map((iteration) => iteration.worker / iteration.passThrough),
    againstRclone: withRclone
      ? iterations.map((iteration) => iteration.worker / iteration.rclone!)
      : undefined,
  };
}
