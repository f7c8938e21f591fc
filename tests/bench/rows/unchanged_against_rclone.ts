import type { Bench } from "../bench.ts";
import type { Row } from "../row.ts";
import { rcloneVersion, runRclone } from "../support/rclone.ts";
import { startTarget } from "../support/target.ts";
import { unchangedRuns } from "../support/unchanged.ts";

const OBJECTS = { quick: 1_000, usual: 100_000, full: 100_000 };

/** Wall time of `rclone sync` over a tree that did not change, against a run over as many rows. */
export const unchangedAgainstRclone: Row = {
  name: "unchanged-against-rclone",
  async measure(bench) {
    const objects = bench.pick(OBJECTS);
    const named = {
      name: `rclone sync of ${objects.toLocaleString("en-US")} unchanged objects, against a run`,
      unit: "times as long",
      target: { atLeast: 20 },
    };
    const version = await rcloneVersion();
    if (version === undefined) {
      return [{ ...named, note: "rclone is not installed: apt-get install rclone" }];
    }
    const run = (await unchangedRuns(bench)).find(({ rows }) => rows === objects)!;
    const wallMs = await syncUnchanged(bench, objects);
    return [{
      ...named,
      value: wallMs / run.wallMs,
      note: `rclone ${version}: ${Math.round(wallMs)} against ${Math.round(run.wallMs)} ms`,
    }];
  },
};

/** Syncs a tree with itself: rclone lists and compares both sides as it does for two trees. */
async function syncUnchanged(bench: Bench, objects: number): Promise<number> {
  await using target = await startTarget(bench, { bucket: "tree", objects });
  const { wallMs } = await runRclone(bench, target, "sync", "tree", "tree");
  return wallMs;
}
