import { EDGE_RUNTIME_DENO } from "../../../stack/process/deno_versions.ts";
import type { Bench, Extent } from "../bench.ts";
import type { Measure, Row } from "../row.ts";
import { peakResidentBytes } from "../support/cpu.ts";
import { layObjects } from "../support/objects.ts";
import { type BenchProject, createBenchProject, WORKER } from "../support/project.ts";
import { endOf } from "../support/run.ts";
import { startTarget, type Target } from "../support/target.ts";

const KB = 1_000;
const MB = 1_000 * KB;
const GB = 1_000 * MB;
const MIB = 1024 * 1024;

interface MemoryLoad {
  readonly name: string;
  /** Bytes of each object. */
  readonly size: number;
  readonly counts: Record<Extent, number>;
  /** The limit of heap and buffers, in MB. */
  readonly atMost: number;
  /** Whether the memory that the process takes from the system has a target too. */
  readonly resident: boolean;
  /** The measurement ends after so many parts; absent: when the run ends. */
  readonly parts?: Record<Extent, number>;
}

const LOADS: readonly MemoryLoad[] = [
  { name: "10 KB", size: 10 * KB, counts: counts(500, 2_000, 10_000), ...target(100, false) },
  { name: "1 MiB", size: MIB, counts: counts(50, 300, 1_000), ...target(100, true) },
  // The largest size for one PUT, so that the bytes in flight reach their limit.
  { name: "8 MiB", size: 8 * MIB, counts: counts(10, 60, 200), ...target(100, false) },
  {
    name: "5 GB",
    size: 5 * GB,
    counts: counts(1, 1, 1),
    ...target(100, true),
    parts: counts(10, 200, Infinity),
  },
  // The largest object with the smallest part size, and an object with the largest part size.
  {
    name: "80 GB",
    size: 80 * GB,
    counts: counts(1, 1, 1),
    ...target(100, false),
    parts: counts(10, 50, 200),
  },
  {
    name: "500 GB",
    size: 500 * GB,
    counts: counts(1, 1, 1),
    ...target(200, false),
    parts: counts(3, 10, 30),
  },
];

/** The memory of an isolate at full concurrency. */
export const memory: Row = {
  name: "memory",
  async measure(bench) {
    const measures: Measure[] = [];
    for (const load of LOADS) {
      const { heap, resident, note } = await peakOf(bench, load);
      measures.push({
        name: `JS heap and buffers, ${load.name} objects, Deno ${EDGE_RUNTIME_DENO}`,
        value: heap / MB,
        unit: "MB",
        target: { atMost: load.atMost },
        note,
      }, {
        name: `resident memory, ${load.name} objects, Deno ${EDGE_RUNTIME_DENO}`,
        value: resident / MB,
        unit: "MB",
        ...(load.resident && { target: { atMost: 200 } }),
      });
    }
    return measures;
  },
};

/** The peak memory of a worker's process during a backup, in bytes. */
async function peakOf(bench: Bench, load: MemoryLoad) {
  const count = bench.pick(load.counts);
  const parts = load.parts && bench.pick(load.parts);
  const hollow = load.parts !== undefined;
  await using project = await createBenchProject(bench, `memory_${load.size}`);
  bench.say(`laying down ${count} objects of ${load.name}`);
  const { size } = load;
  await layObjects(project.sql, project.directory, { bucket: "files", count, size, hollow });
  await using target = await startTarget(bench);
  await using workers = await project.startWorkers({
    deno: EDGE_RUNTIME_DENO,
    target,
    bucket: "backed-up",
    // One process does the complete backup.
    secrets: { HOLDFAST_CPU_MILLISECONDS: "60000" },
  });
  const pid = await workers.boot();
  await endOrParts(project, target, await workers.startBackup(), parts);
  const resident = peakResidentBytes(pid);
  const [isolate] = workers.functions.isolates(WORKER);
  await workers.functions.kill(WORKER);
  const note = parts === undefined || parts === Infinity
    ? `${count} objects`
    : `the first ${parts} parts`;
  return { heap: isolate.peakMemoryBytes, resident, note };
}

/** Waits until a run has ended, or so many parts of its one large object have arrived. */
async function endOrParts(
  project: BenchProject,
  target: Target,
  run: string,
  parts = Infinity,
): Promise<void> {
  await endOf(project.sql, run, async () => {
    if (parts === Infinity) return false;
    const counts = await target.server.ask<Record<string, number>>("counts");
    return (counts["UploadPart"] ?? 0) >= parts;
  });
}

function target(atMost: number, resident: boolean) {
  return { atMost, resident };
}

function counts(quick: number, usual: number, full: number): Record<Extent, number> {
  return { quick, usual, full };
}
