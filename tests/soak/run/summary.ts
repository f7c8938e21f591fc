import { isSteady } from "../environment/heap.ts";
import { totalOf } from "../environment/random_faults.ts";
import type { Soak } from "./soak.ts";

/** Whether no invariant was violated and the heap's level is steady. */
export function passed({ journal, heap }: Soak): boolean {
  return journal.broken.length === 0 && isSteady(heap.levels);
}

/** Lines about faults and operations; the last one sums them up. */
export function summarize(soak: Soak, minutes: number): string[] {
  const { journal, randomFaults, users, heap, checks } = soak;
  const lines = [...randomFaults.injectedFaults].sort().map(([name, count]) =>
    `  ${name}: ${count}`
  );
  const levels = heap.levels.map(({ median }) => median.toFixed(1)).join(", ");
  lines.push(`  of ${counts(randomFaults.requests)}`);
  lines.push(`heap of slices, MB each ten minutes: ${levels || "too short to measure"}`);
  if (!isSteady(heap.levels)) lines.push("the heap's level is not steady");
  const faults = totalOf(randomFaults.injectedFaults);
  const share = (100 * faults / Math.max(1, totalOf(randomFaults.requests))).toFixed(1);
  lines.push([
    `${minutes.toFixed(1)} minutes`,
    `${users.operations} operations of users`,
    `runs: ${counts(journal.runs)}`,
    `${journal.snapshotsChecked} snapshots checked (${checks.held.size} blobs, ` +
    `${journal.entriesMarked} entries marked)`,
    `${faults} faults injected (${share} % of requests)`,
    `${journal.kills} processes killed, ${journal.cancels} runs cancelled`,
    `${journal.restoresChecked} restores checked (${journal.objectsReported} objects reported as not restored)`,
    `${journal.importsChecked} imports checked`,
    `${journal.broken.length} invariants violated`,
  ].join("; "));
  return lines;
}

function counts(map: ReadonlyMap<string, number>): string {
  return [...map].sort().map(([name, count]) => `${count} ${name}`).join(", ") || "none";
}
