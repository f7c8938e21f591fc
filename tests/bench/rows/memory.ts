import { EDGE_RUNTIME_DENO } from "../../stack/process/deno_versions.ts";
import type { Bench, Extent } from "../bench.ts";
import type { Measure, Row } from "../row.ts";
import { peakResidentBytes } from "../support/cpu.ts";
import { layObjects } from "../support/objects.ts";
import { createBenchProject, LANE } from "../support/project.ts";
import { endOf } from "../support/run.ts";
import { startTarget } from "../support/target.ts";

const MB = 1_000_000;
const MIB = 1024 * 1024;

interface MemoryLoad {
  readonly name: string;
  /** Bytes of each object. */
  readonly sizes: Record<Extent, number>;
  readonly counts: Record<Extent, number>;
  /** Whether the memory that the process takes from the system has a target too. */
  readonly resident: boolean;
}

const LOADS: readonly MemoryLoad[] = [
  { name: "10 KB", sizes: same(10_000), counts: counts(500, 2_000, 10_000), resident: false },
  { name: "1 MiB", sizes: same(MIB), counts: counts(50, 300, 1_000), resident: true },
  // The largest that goes by one PUT: as much in flight as there may be.
  { name: "8 MiB", sizes: same(8 * MIB), counts: counts(10, 60, 200), resident: false },
  {
    name: "very large",
    sizes: { quick: 50 * MB, usual: 1_000 * MB, full: 5_000 * MB },
    counts: same(1),
    resident: true,
  },
];

/** What an isolate holds in memory at full concurrency. */
export const memory: Row = {
  name: "memory",
  async measure(bench) {
    const measures: Measure[] = [];
    for (const load of LOADS) {
      const size = bench.pick(load.sizes);
      const name = load.name === "very large" ? `${size / MB} MB` : load.name;
      const { heap, resident } = await peakOf(bench, bench.pick(load.counts), size);
      measures.push({
        name: `JS heap and buffers, ${name} objects, Deno ${EDGE_RUNTIME_DENO}`,
        value: heap / MB,
        unit: "MB",
        target: { atMost: 100 },
      }, {
        name: `resident memory, ${name} objects, Deno ${EDGE_RUNTIME_DENO}`,
        value: resident / MB,
        unit: "MB",
        ...(load.resident && { target: { atMost: 200 } }),
      });
    }
    return measures;
  },
};

/** The most bytes that a lane's process held at once while it backed up. */
async function peakOf(bench: Bench, count: number, size: number) {
  await using project = await createBenchProject(bench, `memory_${size}`);
  await layObjects(project.sql, project.directory, { bucket: "files", count, size });
  await using target = await startTarget(bench);
  await using lanes = await project.startLanes({
    deno: EDGE_RUNTIME_DENO,
    target,
    bucket: "backed-up",
  });
  const pid = await lanes.boot();
  await endOf(project.sql, await lanes.startBackup());
  const resident = peakResidentBytes(pid);
  const [isolate] = lanes.functions.isolates(LANE);
  return { heap: isolate.peakMemoryBytes, resident };
}

function same(value: number): Record<Extent, number> {
  return counts(value, value, value);
}

function counts(quick: number, usual: number, full: number): Record<Extent, number> {
  return { quick, usual, full };
}
