/**
 * `deno task soak`: users change a live project while backups, restores and imports run under random
 * faults. Every snapshot and restore is compared with a reference model. The last line sums it up.
 */
import { untilInterrupted } from "../../stack/interrupt.ts";
import { Journal } from "./run/journal.ts";
import { readOptions, type SoakOptions, USAGE } from "./run/options.ts";
import { Soak } from "./run/soak.ts";
import { passed, summarize } from "./run/summary.ts";

Deno.exit(await run(optionsOrExit()));

async function run(options: SoakOptions): Promise<number> {
  const { minutes, seed, faults } = options;
  const again = `deno task soak --minutes ${minutes} --seed ${seed} --faults ${faults}`;
  const begun = performance.now();
  const minutesPassed = () => (performance.now() - begun) / 60_000;
  const say = (text: string) => console.log(`${minutesPassed().toFixed(1)} min: ${text}`);
  console.log(`seed ${seed}`);
  const interruption = new AbortController();
  untilInterrupted().then(() => interruption.abort());
  await using soak = await Soak.start(options, new Journal(say));
  await soak.run(interruption.signal);
  for (const line of summarize(soak, minutesPassed())) console.log(line);
  if (interruption.signal.aborted) return 130;
  if (passed(soak)) return 0;
  console.log(`seed ${seed}; again: ${again}`);
  return 1;
}

function optionsOrExit(): SoakOptions {
  try {
    return readOptions(Deno.args);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    Deno.exit(2);
  }
}
