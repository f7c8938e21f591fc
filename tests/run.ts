/**
 * Runs all tests, or the groups whose names are given: `deno task test unit e2e`. What follows `--`
 * goes to `deno test`. HOLDFAST_TEST_REQUIRE=pg_cron,radosgw,awscli makes it a failure where one of these
 * is not on the machine. The last line tells how many passed and failed.
 */
import { addCounts, type Counts, formatCounts } from "./run/counts.ts";
import { type Failure, formatFailures } from "./run/failures.ts";
import { type Group, selectGroups } from "./run/groups.ts";
import { describeMissing, findParts, type FoundParts, requiredParts } from "./run/parts.ts";
import { type GroupRun, hasTests, runGroup } from "./run/run_group.ts";
import { Servers } from "./run/servers.ts";
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
  const run = await runGroups(groups, parts, interruption.signal);
  const counts = addCounts(run, { passed: 0, failed: missing.length, skipped: 0 });
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

/** Runs the groups one after the other. */
async function runGroups(
  groups: Group[],
  parts: FoundParts,
  signal: AbortSignal,
): Promise<Counts> {
  let counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  const failures = new Map<string, Failure[]>();
  const left: string[] = [];
  const reports = await Deno.makeTempDir({ prefix: "holdfast-test-" });
  try {
    await using servers = new Servers(parts);
    for (const group of groups) {
      if (signal.aborted) break;
      if (group.needs && parts[group.needs] === undefined) {
        left.push(`${group.name}: ${describeMissing(group.needs)}`);
        continue;
      }
      const run = await runOne(group, servers, reports, signal);
      counts = addCounts(counts, run.counts);
      failures.set(group.name, run.failures);
    }
  } finally {
    await Deno.remove(reports, { recursive: true });
  }
  if (counts.failed > 0) console.log(formatFailures(failures));
  if (left.length > 0) {
    console.log(`\nNot run here:\n${left.map((line) => `  ${line}\n`).join("")}`);
  }
  return counts;
}

/** Runs a group, and tells how it went and how long it took. */
async function runOne(
  group: Group,
  servers: Servers,
  reports: string,
  signal: AbortSignal,
): Promise<GroupRun> {
  const begun = performance.now();
  console.log(`\n=== ${group.name}`);
  const run = await runGroup(group, {
    stackUrl: await servers.stackUrl(group),
    environment: await servers.environment(group),
    reports,
    passedOn,
    signal,
  });
  const seconds = Math.round((performance.now() - begun) / 1000);
  console.log(`=== ${group.name}: ${formatCounts(run.counts)} in ${seconds} s`);
  return run;
}
