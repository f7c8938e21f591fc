/**
 * Runs all tests, or the groups whose names are given: `deno task test unit e2e`. What follows `--`
 * goes to `deno test`. The last line tells how many passed and failed.
 */
import { addCounts, type Counts, formatCounts } from "./run/counts.ts";
import { type Group, selectGroups } from "./run/groups.ts";
import { hasTests, runGroup } from "./run/run_group.ts";
import { untilInterrupted } from "./stack/interrupt.ts";
import { type LaunchedStack, launchStack } from "./stack/launch.ts";

const interruption = new AbortController();
untilInterrupted().then(() => interruption.abort());

const separator = Deno.args.indexOf("--");
const words = separator < 0 ? Deno.args : Deno.args.slice(0, separator);
const passedOn = separator < 0 ? [] : Deno.args.slice(separator + 1);

const counts = await runGroups(await groupsOf(words), passedOn, interruption.signal);
console.log(formatCounts(counts));
Deno.exit(counts.failed === 0 && !interruption.signal.aborted ? 0 : 1);

async function groupsOf(words: string[]): Promise<Group[]> {
  try {
    const groups: Group[] = [];
    for (const group of selectGroups(words)) if (await hasTests(group)) groups.push(group);
    return groups;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
}

/** Runs the groups one after the other, all against one stack. */
async function runGroups(
  groups: Group[],
  passedOn: string[],
  signal: AbortSignal,
): Promise<Counts> {
  let counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  const reports = await Deno.makeTempDir({ prefix: "holdfast-test-" });
  let stack: LaunchedStack | undefined;
  try {
    if (groups.some((group) => group.stack)) stack = await launchStack();
    for (const group of groups) {
      if (signal.aborted) break;
      console.log(`\n=== ${group.name}`);
      const run = await runGroup(group, { stackUrl: stack?.url, reports, passedOn, signal });
      console.log(`=== ${group.name}: ${formatCounts(run)}`);
      counts = addCounts(counts, run);
    }
    return counts;
  } finally {
    await stack?.stop();
    await Deno.remove(reports, { recursive: true });
  }
}
