/**
 * `deno task faults`: lets lanes die, sleep and lose answers at the steps of scenarios, lets others
 * go on, and holds what came of it to every promise. The last line tells how many were broken.
 */
import { PLANTS } from "../plants/mod.ts";
import { untilInterrupted } from "../stack/interrupt.ts";
import { Campaign, formatTally } from "./run/campaign.ts";
import { type FaultsOptions, readOptions, USAGE } from "./run/options.ts";
import { runPlants } from "./run/plants.ts";
import { SCENARIOS } from "./scenarios/mod.ts";
import { Servers } from "./world/servers.ts";

untilInterrupted().then(() => Deno.exit(130)); // the workspace's watchdog clears up
Deno.exit(await run(optionsOrExit()));

async function run(options: FaultsOptions): Promise<number> {
  const { plants } = options;
  if (plants.length > 0) return await runPlants(plants) ? 0 : 1;
  await using servers = await Servers.start();
  // As the functions find them in their environment.
  for (const [name, value] of Object.entries(servers.secrets)) Deno.env.set(name, value);
  const campaign = new Campaign(servers, options);
  if (!options.everyStep && !options.fault) console.log(`seed ${options.seed}`);
  const tally = await campaign.run();
  for (const [kind, count] of [...campaign.strikes].sort()) console.log(`  ${kind}: ${count}`);
  console.log(formatTally(tally));
  return tally.broken === 0 ? 0 : 1;
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
