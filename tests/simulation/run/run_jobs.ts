import { Servers } from "../environment/servers.ts";
import { Campaign, type Tally } from "./campaign.ts";
import { PairCounts } from "./pair_counts.ts";
import type { SimulateOptions } from "./options.ts";

/** What tellings came to. */
export interface Outcome {
  readonly tally: Tally;
  readonly counts: PairCounts;
}

/** Tells in this process what the options ask for. */
export async function runHere(options: SimulateOptions): Promise<Outcome> {
  await using servers = await Servers.start();
  // As the functions find them in their environment.
  for (const [name, value] of Object.entries(servers.secrets)) Deno.env.set(name, value);
  const campaign = new Campaign(servers, options);
  const tally = await campaign.run();
  return { tally, counts: campaign.counts };
}

/**
 * Has several processes tell what is asked for: each a run of the seeds, or every nth of the
 * steps. One uses little more than one core.
 */
export async function runInJobs(options: SimulateOptions, main: string): Promise<Outcome> {
  const shares = options.everyStep
    ? Array.from({ length: options.jobs }, (_, index) => stepArguments(options, index))
    : sharesOf(options).map(({ seed, seeds }) => ["--seed", `${seed}`, "--seeds", `${seeds}`]);
  const outcomes = await Promise.all(shares.map((share) => runInProcess(options, share, main)));
  const tally: Tally = { seeds: 0, points: 0, broken: 0 };
  const counts = new PairCounts();
  for (const outcome of outcomes) {
    tally.seeds += outcome.tally.seeds;
    tally.points += outcome.tally.points;
    tally.broken += outcome.tally.broken;
    counts.addAll(outcome.counts);
  }
  return { tally, counts };
}

function stepArguments({ processes, jobs }: SimulateOptions, index: number): string[] {
  return [processes ? "--all" : "--every-step", "--share", `${index}/${jobs}`];
}

/** Some of the seeds, one after the other. */
export interface Share {
  readonly seed: number;
  readonly seeds: number;
}

/** The seeds of each job; together they are all of them, and no two have one in common. */
export function sharesOf({ seed, seeds, jobs }: Pick<SimulateOptions, "seed" | "seeds" | "jobs">) {
  const shares: Share[] = [];
  for (let job = 0; job < jobs; job++) {
    const [from, to] = [job, job + 1].map((index) => Math.floor(seeds * index / jobs));
    if (to! > from!) shares.push({ seed: seed + from!, seeds: to! - from! });
  }
  return shares;
}

/** What a process prints last for the one that started it. */
export const OUTCOME = "outcome ";

/** An outcome as it comes from another process. */
type JobOutcome = { readonly tally: Tally; readonly counts: Record<string, number> };

async function runInProcess(
  { scenarios, failFast, verbose }: SimulateOptions,
  share: readonly string[],
  main: string,
): Promise<JobOutcome> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--allow-all", "--no-check", main, "--outcome"],
      ...share,
      ...scenarios.flatMap(({ name }) => ["--scenario", name]),
      ...(failFast ? ["--fail-fast"] : []),
      ...(verbose ? ["--verbose"] : []),
    ],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  let outcome: JobOutcome | undefined;
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith(OUTCOME)) outcome = JSON.parse(line.slice(OUTCOME.length));
      else console.log(line);
    }
  }
  await child.status;
  if (!outcome) throw new Error(`the process with ${share.join(" ")} ended without an outcome`);
  return outcome;
}
