/**
 * `deno task simulate`: lets lanes die, sleep and lose answers at the steps of scenarios, lets others
 * go on, and holds what came of it to every promise. The last line tells how many were broken.
 */
import { MUTANTS } from "../mutants/mod.ts";
import { FAULT_NAMES } from "./proxy/step.ts";
import { untilInterrupted } from "../stack/interrupt.ts";
import { formatTally } from "./run/campaign.ts";
import { readOptions, type SimulateOptions, USAGE } from "./run/options.ts";
import { SEEDS_FOR_LEAST } from "./run/pair_counts.ts";
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
  const missing = meetsAll(options) ? counts.shortfalls() : [];
  for (const line of missing) console.log(`TOO SELDOM ${line}`);
  console.log(formatTally(tally));
  return tally.broken === 0 && missing.length === 0 ? 0 : 1;
}

/** Whether a run is one in which every fault has to meet every kind of request. */
function meetsAll({ seeds, scenarios, everyStep, fault, failFast }: SimulateOptions): boolean {
  return seeds >= SEEDS_FOR_LEAST && scenarios.length === SCENARIOS.length &&
    !everyStep && !fault && !failFast;
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
