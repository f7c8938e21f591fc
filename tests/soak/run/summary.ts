import { isSteady } from "../environment/heap.ts";
import { totalOf } from "../environment/random_faults.ts";
import type { Soak } from "./soak.ts";

/** Whether all held, the heap's level included. */
export function isWhole({ journal, heap }: Soak): boolean {
  return journal.broken.length === 0 && isSteady(heap.levels);
}

/** What was dealt and done, in lines; the last one sums it up. */
export function summarize(soak: Soak, minutes: number): string[] {
  const { journal, randomFaults, users, heap, checks } = soak;
  const lines = [...randomFaults.dealt].sort().map(([name, count]) => `  ${name}: ${count}`);
  const levels = heap.levels.map(({ median }) => median.toFixed(1)).join(", ");
  lines.push(`  of ${counts(randomFaults.requests)}`);
  lines.push(`heap of slices, MB each ten minutes: ${levels || "too short to tell"}`);
  if (!isSteady(heap.levels)) lines.push("the heap's level is not steady");
  const faults = totalOf(randomFaults.dealt);
  const share = (100 * faults / Math.max(1, totalOf(randomFaults.requests))).toFixed(1);
  lines.push([
    `${minutes.toFixed(1)} minutes`,
    `${users.operations} operations of users`,
    `runs: ${counts(journal.runs)}`,
    `${journal.snapshotsChecked} snapshots checked (${checks.held.size} blobs, ` +
    `${journal.entriesMarked} entries marked)`,
    `${faults} faults dealt (${share} % of requests)`,
    `${journal.kills} processes killed, ${journal.cancels} runs cancelled`,
    `${journal.restoresChecked} restores checked (${journal.objectsReported} objects reported as not restored)`,
    `${journal.importsChecked} imports checked`,
    `${journal.broken.length} broken promises`,
  ].join("; "));
  return lines;
}

function counts(map: ReadonlyMap<string, number>): string {
  return [...map].sort().map(([name, count]) => `${count} ${name}`).join(", ") || "none";
}
