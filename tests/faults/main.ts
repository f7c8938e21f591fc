/**
 * `deno task faults`: lets lanes die, sleep and lose answers at the steps of scenarios, lets others
 * go on, and holds what came of it to every promise. The last line tells how many were broken.
 */
import { PLANTS } from "../plants/mod.ts";
import { WAYS } from "./door/step.ts";
import { untilInterrupted } from "../stack/interrupt.ts";
import { formatTally } from "./run/campaign.ts";
import { type FaultsOptions, readOptions, USAGE } from "./run/options.ts";
import { SEEDS_FOR_LEAST } from "./run/counts.ts";
import { runPlants } from "./run/plants.ts";
import { OUTCOME, tellHere, tellInJobs } from "./run/tell.ts";
import { SCENARIOS } from "./scenarios/mod.ts";

untilInterrupted().then(() => Deno.exit(130)); // the workspace's watchdog clears up
Deno.exit(await run(optionsOrExit()));

async function run(options: FaultsOptions): Promise<number> {
  const { plants, everyStep, fault, jobs } = options;
  if (plants.length > 0) return await runPlants(plants) ? 0 : 1;
  if (options.outcome) {
    console.log(`${OUTCOME}${JSON.stringify(await tellHere(options))}`);
    return 0;
  }
  const bySeed = !everyStep && !fault;
  if (bySeed) console.log(`seed ${options.seed}`);
  const { tally, counts } = !fault && jobs > 1
    ? await tellInJobs(options, import.meta.url)
    : await tellHere(options);
  for (const line of counts.lines(WAYS)) console.log(line);
  const missing = meetsAll(options) ? counts.shortfalls() : [];
  for (const line of missing) console.log(`TOO SELDOM ${line}`);
  console.log(formatTally(tally));
  return tally.broken === 0 && missing.length === 0 ? 0 : 1;
}

/** Whether a run is one in which every fault has to meet every kind of request. */
function meetsAll({ seeds, scenarios, everyStep, fault, failFast }: FaultsOptions): boolean {
  return seeds >= SEEDS_FOR_LEAST && scenarios.length === SCENARIOS.length &&
    !everyStep && !fault && !failFast;
}

function optionsOrExit(): FaultsOptions {
  try {
    return readOptions(Deno.args, { scenarios: SCENARIOS, plants: Object.keys(PLANTS) });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    Deno.exit(2);
  }
}
