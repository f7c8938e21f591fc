/** `deno task test`: see `deno task test --help`. */
import { addCounts, type Counts, formatCounts } from "./run/counts.ts";
import { formatFailures } from "./run/failures.ts";
import { formatFigures } from "./run/figures.ts";
import { type Group, selectGroups } from "./run/groups.ts";
import { readOptions, usage } from "./run/options.ts";
import { describeMissing, findParts, requiredParts } from "./run/parts.ts";
import { type GroupRuns, runGroups } from "./run/run_groups.ts";
import { untilInterrupted } from "../stack/interrupt.ts";

try {
  Deno.exit(await run());
} catch (error) {
  if (!(error instanceof RangeError)) throw error;
  console.error(error.message);
  Deno.exit(2);
}

/** Runs what the command line asks for; answers the exit status. */
async function run(): Promise<number> {
  const options = readOptions(Deno.args);
  if (options.help) {
    console.log(usage());
    return 0;
  }
  const groups = selectGroups(options.words, options);
  const required = requiredParts();
  const interruption = new AbortController();
  untilInterrupted().then(() => interruption.abort());
  const parts = await findParts();
  const missing = required.filter((part) => parts[part] === undefined);
  for (const part of missing) console.error(`${describeMissing(part)}, and it is required`);
  const missed = groups.filter(({ needs }) => needs && parts[needs] === undefined);
  const able = groups.filter((group) => !missed.includes(group));
  const runs = await runGroups(able, parts, options, interruption.signal);
  const counts = addCounts(report(runs, missed), { passed: 0, failed: missing.length, skipped: 0 });
  console.log(formatCounts(counts));
  return counts.failed === 0 && !interruption.signal.aborted ? 0 : 1;
}

/** Prints once more what failed, what was not run, and what each group took. */
function report({ runs, figures }: GroupRuns, missed: readonly Group[]): Counts {
  const counts = [...runs.values()].map((run) => run.counts)
    .reduce(addCounts, { passed: 0, failed: 0, skipped: 0 });
  const failures = new Map([...runs].map(([name, run]) => [name, run.failures]));
  if (counts.failed > 0) console.log(formatFailures(failures));
  if (missed.length > 0) {
    const lines = missed.map(({ name, needs }) => `  ${name}: ${describeMissing(needs!)}\n`);
    console.log(`\nNot run here:\n${lines.join("")}`);
  }
  if (figures.length > 0) console.log(formatFigures(figures));
  return counts;
}
