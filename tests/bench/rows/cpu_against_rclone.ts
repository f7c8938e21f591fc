import { CURRENT_DENO } from "../../../stack/process/deno_versions.ts";
import type { Bench } from "../bench.ts";
import { type Measure, medianWithSpread, type Row } from "../row.ts";
import { contest, type Load, LOADS } from "../support/contest.ts";
import { rcloneVersion } from "../support/rclone.ts";

const AT_MOST = new Map<Load, number>([
  [LOADS.small, 0.6],
  [LOADS.medium, 1.2],
  [LOADS.large, 1.4],
]);

/** Main-thread CPU of a worker against all CPU of rclone with its defaults. */
export const cpuAgainstRclone: Row = {
  name: "cpu-against-rclone",
  async measure(bench: Bench): Promise<Measure[]> {
    const version = await rcloneVersion();
    const measures: Measure[] = [];
    for (const [load, atMost] of AT_MOST) {
      const named = {
        name: `CPU, ${load.name} objects, against rclone`,
        unit: "times",
        target: { atMost },
      };
      if (version === undefined) {
        measures.push({ ...named, note: "rclone is not installed: apt-get install rclone" });
        continue;
      }
      const { againstRclone = [], rcloneMs } = await contest(bench, load, CURRENT_DENO);
      measures.push({
        ...named,
        ...medianWithSpread(againstRclone),
        note: `rclone ${version}: ${rcloneMs?.toFixed(3)} ms an object`,
      });
    }
    return measures;
  },
};
