/**
 * Runs all tests, or the groups whose names are given: `deno task test unit e2e`. What follows `--`
 * goes to `deno test`. HOLDFAST_TEST_REQUIRE=pg_cron,radosgw,awscli makes it a failure where one of these
 * is not on the machine. The last line tells how many passed and failed.
 */
import { addCounts, type Counts, formatCounts } from "./run/counts.ts";
import { formatFailures } from "./run/failures.ts";
import { type Group, selectGroups } from "./run/groups.ts";
import { describeMissing, findParts, requiredParts } from "./run/parts.ts";
import { type GroupRun, hasTests } from "./run/run_group.ts";
import { runGroups } from "./run/run_groups.ts";
import { untilInterrupted } from "./stack/interrupt.ts";

const interruption = new AbortController();
untilInterrupted().then(() => interruption.abort());

const separator = Deno.args.indexOf("--");
const words = separator < 0 ? Deno.args : Deno.args.slice(0, separator);
const passedOn = separator < 0 ? [] : Deno.args.slice(separator + 1);

try {
  const groups = await groupsOf(words);
  const required = requiredParts();
  const parts = await findParts();
  const missing = required.filter((part) => parts[part] === undefined);
  for (const part of missing) console.error(`${describeMissing(part)}, and it is required`);
  const missed = groups.filter(({ needs }) => needs && parts[needs] === undefined);
  const able = groups.filter((group) => !missed.includes(group));
  const runs = await runGroups(able, parts, passedOn, interruption.signal);
  const counts = addCounts(tellRuns(runs, missed), {
    passed: 0,
    failed: missing.length,
    skipped: 0,
  });
  console.log(formatCounts(counts));
  Deno.exit(counts.failed === 0 && !interruption.signal.aborted ? 0 : 1);
} catch (error) {
  if (!(error instanceof RangeError)) throw error;
  console.error(error.message);
  Deno.exit(2);
}

async function groupsOf(words: string[]): Promise<Group[]> {
  const groups: Group[] = [];
  for (const group of selectGroups(words)) if (await hasTests(group)) groups.push(group);
  return groups;
}

/** Tells once more what failed, and what was not run; answers how many tests ended how. */
function tellRuns(runs: ReadonlyMap<string, GroupRun>, missed: readonly Group[]): Counts {
  const counts = [...runs.values()].map((run) => run.counts)
    .reduce(addCounts, { passed: 0, failed: 0, skipped: 0 });
  const failures = new Map([...runs].map(([name, run]) => [name, run.failures]));
  if (counts.failed > 0) console.log(formatFailures(failures));
  if (missed.length > 0) {
    const lines = missed.map(({ name, needs }) => `  ${name}: ${describeMissing(needs!)}\n`);
    console.log(`\nNot run here:\n${lines.join("")}`);
  }
  return counts;
}
