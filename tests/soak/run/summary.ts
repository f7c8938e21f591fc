import { isSteady } from "../world/heap.ts";
import { totalOf } from "../world/weather.ts";
import type { Soak } from "./soak.ts";

/** Whether all held, the heap's level included. */
export function isWhole({ ledger, heap }: Soak): boolean {
  return ledger.broken.length === 0 && isSteady(heap.levels);
}

/** What was dealt and done, in lines; the last one sums it up. */
export function summarize(soak: Soak, minutes: number): string[] {
  const { ledger, weather, users, heap, checks } = soak;
  const lines = [...weather.dealt].sort().map(([name, count]) => `  ${name}: ${count}`);
  const levels = heap.levels.map(({ median }) => median.toFixed(1)).join(", ");
  lines.push(`  of ${counts(weather.requests)}`);
  lines.push(`heap of slices, MB each ten minutes: ${levels || "too short to tell"}`);
  if (!isSteady(heap.levels)) lines.push("the heap's level is not steady");
  const faults = totalOf(weather.dealt);
  const share = (100 * faults / Math.max(1, totalOf(weather.requests))).toFixed(1);
  lines.push([
    `${minutes.toFixed(1)} minutes`,
    `${users.operations} operations of users`,
    `runs: ${counts(ledger.runs)}`,
    `${ledger.snapshotsChecked} snapshots checked (${checks.held.size} blobs, ` +
    `${ledger.entriesMarked} entries marked)`,
    `${faults} faults dealt (${share} % of requests)`,
    `${ledger.kills} processes killed, ${ledger.cancels} runs cancelled`,
    `${ledger.restoresChecked} restores checked (${ledger.restoresTold} objects told)`,
    `${ledger.importsChecked} imports checked`,
    `${ledger.broken.length} broken promises`,
  ].join("; "));
  return lines;
}

function counts(map: ReadonlyMap<string, number>): string {
  return [...map].sort().map(([name, count]) => `${count} ${name}`).join(", ") || "none";
}
