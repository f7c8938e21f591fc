/** One set of objects copied by a worker, by a bare pass-through and by rclone, turn by turn. */
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

/** Objects that are copied. */
export interface Load {
  readonly name: string;
  /** Bytes of each. */
  readonly size: number;
  readonly counts: Record<Extent, number>;
}

/** The sizes for which figures are promised. */
export const LOADS = {
  small: { name: "10 KB", size: 10_000, counts: { quick: 500, usual: 4_000, full: 10_000 } },
  medium: { name: "1 MiB", size: 1_048_576, counts: { quick: 50, usual: 500, full: 1_000 } },
  large: { name: "100 MB", size: 100_000_000, counts: { quick: 1, usual: 10, full: 10 } },
} as const satisfies Record<string, Load>;

/** Main-thread CPU of one turn each, milliseconds for all objects; rclone's of all its threads. */
interface Turn {
  readonly worker: number;
  readonly passThrough: number;
  /** Undefined where rclone is not installed. */
  readonly rclone: number | undefined;
}

/** What the turns came to. */
export interface ContestResult {
  readonly objects: number;
  /** Medians, milliseconds of CPU for one object. */
  readonly workerMs: number;
  readonly passThroughMs: number;
  readonly rcloneMs: number | undefined;
  /** The ratio of each turn. */
  readonly againstPassThrough: readonly number[];
  /** Undefined where rclone is not installed. */
  readonly againstRclone: readonly number[] | undefined;
}

const TURNS: Record<Extent, number> = { quick: 1, usual: 3, full: 5 };

/** Measures a load on a Deno once in a run of the bench. */
export function contest(bench: Bench, load: Load, deno: DenoVersion): Promise<ContestResult> {
  return bench.once(`contest ${load.name} ${deno}`, async () => {
    const count = bench.pick(load.counts);
    await using project = await createBenchProject(bench, `contest_${crypto.randomUUID()}`);
    bench.say(`laying down ${count} objects of ${load.name}`);
    await layObjects(project.sql, project.directory, { bucket: "files", count, size: load.size });
    const turns: Turn[] = [];
    for (let turn = 1; turn <= bench.pick(TURNS); turn++) {
      bench.say(`copying them on Deno ${deno}, turn ${turn}`);
      turns.push(await takeTurn(bench, project, deno));
    }
    return summarize(turns, count);
  });
}

/** Each begins with an empty target and a process of its own. */
async function takeTurn(bench: Bench, project: BenchProject, deno: DenoVersion): Promise<Turn> {
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
  // What the worker wrote are the same bytes under keys of the same form.
  const rclone = await rcloneVersion() === undefined ? undefined : await runRclone(
    bench,
    target,
    "copy",
    "backed-up/holdfast/data/files",
    "cloned",
  );
  return { worker, passThrough, rclone: rclone?.cpuMs };
}

function summarize(turns: readonly Turn[], objects: number): ContestResult {
  const each = (pick: (turn: Turn) => number) => median(turns.map(pick));
  const withRclone = turns.every((turn) => turn.rclone !== undefined);
  return {
    objects,
    workerMs: each((turn) => turn.worker) / objects,
    passThroughMs: each((turn) => turn.passThrough) / objects,
    rcloneMs: withRclone ? each((turn) => turn.rclone!) / objects : undefined,
    againstPassThrough: turns.map((turn) => turn.worker / turn.passThrough),
    againstRclone: withRclone ? turns.map((turn) => turn.worker / turn.rclone!) : undefined,
  };
}
