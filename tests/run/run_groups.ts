import { formatCounts } from "./counts.ts";
import { type Figures, machineCpuSeconds } from "./figures.ts";
import type { Group } from "./groups.ts";
import type { FoundParts } from "./parts.ts";
import { type GroupRun, runGroup, type RunGroupOptions } from "./run_group.ts";
import { Servers } from "./servers.ts";

/** Results and figures of the groups, by name. */
export interface GroupRuns {
  readonly runs: Map<string, GroupRun>;
  readonly figures: Figures[];
}

/**
 * Runs the groups one after the other. Each group has all cores.
 *
 * @param interrupted ends the running group and starts no other
 */
export async function runGroups(
  groups: readonly Group[],
  parts: FoundParts,
  options: Pick<RunGroupOptions, "passedOn" | "nightly">,
  interrupted: AbortSignal,
): Promise<GroupRuns> {
  const all: GroupRuns = { runs: new Map(), figures: [] };
  const reports = await Deno.makeTempDir({ prefix: "holdfast-test-" });
  try {
    await using servers = new Servers(parts);
    for (const group of groups) {
      if (interrupted.aborted) break;
      await runOne(group, { ...options, reports, signal: interrupted }, servers, all);
    }
  } finally {
    await Deno.remove(reports, { recursive: true });
  }
  return all;
}

/** Runs a group and records its result and its figures. */
async function runOne(
  group: Group,
  options: Omit<RunGroupOptions, "stackUrl" | "environment">,
  servers: Servers,
  { runs, figures }: GroupRuns,
): Promise<void> {
  console.log(`\n=== ${group.name}: ${group.about}`);
  const begun = performance.now();
  const cpuBefore = await machineCpuSeconds();
  const run = await runWithServers(group, options, servers).catch(notRun);
  const wallSeconds = (performance.now() - begun) / 1000;
  const cpuAfter = await machineCpuSeconds();
  const cpuSeconds = cpuBefore === undefined || cpuAfter === undefined
    ? undefined
    : cpuAfter - cpuBefore;
  runs.set(group.name, run);
  figures.push({ name: group.name, wallSeconds, cpuSeconds });
  console.log(`=== ${group.name}: ${formatCounts(run.counts)} in ${wallSeconds.toFixed(0)} s`);
}

async function runWithServers(
  group: Group,
  options: Omit<RunGroupOptions, "stackUrl" | "environment">,
  servers: Servers,
): Promise<GroupRun> {
  const stackUrl = await servers.stackUrl(group);
  const environment = await servers.environment(group);
  return await runGroup(group, { ...options, stackUrl, environment });
}

/** A group that cannot run counts as one failure, and the other groups continue. */
function notRun(error: unknown): GroupRun {
  const text = error instanceof Error ? error.stack ?? error.message : String(error);
  console.error(text);
  return {
    counts: { passed: 0, failed: 1, skipped: 0 },
    failures: [{ test: "no test", text }],
  };
}
