/**
 * `deno task simulate`: injects crashes, delays and server faults at the steps of scenarios, lets other
 * workers go on, and checks every invariant. The last line counts the violations.
 */
import { MUTANTS } from "../mutants/mod.ts";
import { FAULT_NAMES } from "./proxy/step.ts";
import { untilInterrupted } from "../../stack/interrupt.ts";
import { formatTally } from "./run/campaign.ts";
import { readOptions, type SimulateOptions, USAGE } from "./run/options.ts";
import { MIN_MEETINGS, SEEDS_FOR_MIN_MEETINGS } from "./run/budget.ts";
import { focusOf } from "./run/focus_groups.ts";
import { runMutants } from "./run/run_mutants.ts";
import { OUTCOME, runHere, runInJobs } from "./run/run_jobs.ts";
import { SCENARIOS } from "./scenarios/mod.ts";

untilInterrupted().then(() => Deno.exit(130)); // the workspace's watchdog clears up
Deno.exit(await run(optionsOrExit()));

async function run(options: SimulateOptions): Promise<number> {
  const { mutants, everyStep, fault, jobs } = options;
  if (mutants.length > 0) return await runMutants(mutants) ? 0 : 1;
  if (options.outcome) {
    console.log(`${OUTCOME}${JSON.stringify(await runHere(options))}`);
    return 0;
  }
  const bySeed = !everyStep && !fault;
  if (bySeed) console.log(`seed ${options.seed}`);
  const { tally, counts } = !fault && jobs > 1
    ? await runInJobs(options, import.meta.url)
    : await runHere(options);
  for (const line of counts.lines(FAULT_NAMES)) console.log(line);
  const { least, kinds } = requiredMeetings(options);
  const missing = least > 0 ? counts.shortfalls(least, kinds) : [];
  for (const line of missing) console.log(`TOO SELDOM ${line}`);
  if (least > 0) {
    const { fault, kind, count } = counts.least(kinds);
    console.log(`the rarest pair met ${count} times: ${fault} and ${kind}`);
  }
  console.log(formatTally(tally));
  return tally.broken === 0 && missing.length === 0 ? 0 : 1;
}

/** How often each fault has to meet each request of some kinds; 0 where a run requires nothing. */
function requiredMeetings(options: SimulateOptions) {
  const { seeds, scenarios, everyStep, fault, failFast, eachPair, wanted } = options;
  const kinds = focusOf(scenarios);
  if (everyStep || fault || failFast || wanted) return { least: 0, kinds };
  if (eachPair > 0) return { least: eachPair, kinds };
  const meetsAll = seeds >= SEEDS_FOR_MIN_MEETINGS && scenarios.length === SCENARIOS.length;
  return { least: meetsAll ? MIN_MEETINGS : 0, kinds };
}

function optionsOrExit(): SimulateOptions {
  try {
    return readOptions(Deno.args, { scenarios: SCENARIOS, mutants: Object.keys(MUTANTS) });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    Deno.exit(2);
  }
}
