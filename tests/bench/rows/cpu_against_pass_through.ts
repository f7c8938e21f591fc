import { CURRENT_DENO, EDGE_RUNTIME_DENO } from "../../../stack/process/deno_versions.ts";
import type { Bench } from "../bench.ts";
import { type Measure, medianWithSpread, type Row } from "../row.ts";
import { contest, type ContestResult, type Load, LOADS } from "../support/contest.ts";

/** The most CPU that listing, digest, signature, checks and commit may add to the transfer. */
const AT_MOST = new Map<Load, number>([
  [LOADS.small, 2.2],
  [LOADS.medium, 1.8],
  [LOADS.large, 2.8],
]);

/** Main-thread CPU of a worker, compared with a plain pass-through of the same objects. */
export const cpuAgainstPassThrough: Row = {
  name: "cpu-against-pass-through",
  async measure(bench: Bench): Promise<Measure[]> {
    const measures: Measure[] = [];
    for (const [load, atMost] of AT_MOST) {
      for (const deno of [CURRENT_DENO, EDGE_RUNTIME_DENO]) {
        const result = await contest(bench, load, deno);
        measures.push({
          name: `CPU, ${load.name} objects, against a pass-through, Deno ${deno}`,
          ...medianWithSpread(result.againstPassThrough),
          unit: "times",
          // The promise is for the current Deno; the figure for Edge Runtime's Deno is shown for
          // comparison.
          ...(deno === CURRENT_DENO && { target: { atMost } }),
          note: describe(load, result),
        });
      }
    }
    return measures;
  },
};

function describe(load: Load, { workerMs, passThroughMs, objects }: ContestResult): string {
  if (load !== LOADS.large) {
    return `${workerMs.toFixed(3)} against ${
      passThroughMs.toFixed(3)
    } ms an object, ${objects} objects`;
  }
  const secondsPerGb = (ms: number) => (ms / load.size * 1e6).toFixed(2);
  return `${secondsPerGb(workerMs)} against ${
    secondsPerGb(passThroughMs)
  } s a GB, ${objects} objects`;
}
