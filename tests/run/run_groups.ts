import { formatCounts } from "./counts.ts";
import type { Group } from "./groups.ts";
import type { FoundParts } from "./parts.ts";
import { type GroupRun, runGroup, type RunOptions } from "./run_group.ts";
import { Servers } from "./servers.ts";

/**
 * Runs the groups in two rows, one after the other in each: those that may run beside others are the
 * second row. Answers how each went, by its name, and shows what the second row printed.
 *
 * @param passedOn further arguments for `deno test`
 * @param interrupted ends them all at once
 */
export async function runGroups(
  groups: readonly Group[],
  parts: FoundParts,
  passedOn: readonly string[],
  interrupted: AbortSignal,
): Promise<Map<string, GroupRun>> {
  const runs = new Map<string, GroupRun>();
  const reports = await Deno.makeTempDir({ prefix: "holdfast-test-" });
  try {
    await using servers = new Servers(parts);
    const run = async (group: Group, beside: boolean) => {
      const options = { servers, reports, passedOn, signal: interrupted, beside };
      runs.set(group.name, await runOne(group, options).catch(notRun));
    };
    let secondRow = Promise.resolve();
    for (const group of groups) {
      if (interrupted.aborted) break;
      if (group.beside && group !== groups.at(-1)) {
        secondRow = secondRow.then(() => interrupted.aborted ? undefined : run(group, true));
        continue;
      }
      if (group.alone) await secondRow;
      await run(group, false);
    }
    await secondRow;
  } finally {
    await Deno.remove(reports, { recursive: true });
  }
  for (const [name, { printed }] of runs) {
    if (printed !== "") console.log(`\n=== ${name} printed\n${printed}`);
  }
  return runs;
}

/** How a group went that could not be run: one failure, and the others go on. */
function notRun(error: unknown): GroupRun {
  const text = error instanceof Error ? error.stack ?? error.message : String(error);
  console.error(text);
  return {
    counts: { passed: 0, failed: 1, skipped: 0 },
    failures: [{ test: "no test", text }],
    printed: "",
  };
}

/** Runs a group, and tells how it went and how long it took. */
async function runOne(
  group: Group,
  { servers, ...options }: Omit<RunOptions, "stackUrl" | "environment"> & { servers: Servers },
): Promise<GroupRun> {
  const begun = performance.now();
  console.log(`\n=== ${group.name}${options.beside ? ", beside others" : ""}`);
  const run = await runGroup(group, {
    ...options,
    stackUrl: await servers.stackUrl(group),
    environment: await servers.environment(group),
  });
  const seconds = Math.round((performance.now() - begun) / 1000);
  console.log(`=== ${group.name}: ${formatCounts(run.counts)} in ${seconds} s`);
  return run;
}
