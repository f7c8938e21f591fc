import { Servers } from "../environment/servers.ts";
import { Campaign, type Tally } from "./campaign.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import { MAX_STEERED_SEEDS } from "./budget.ts";
import { groupByFocus } from "./focus_groups.ts";
import { PairCounts } from "./pair_counts.ts";
import type { SimulateOptions } from "./options.ts";

/** The outcome of several simulation runs. */
export interface Outcome {
  readonly tally: Tally;
  readonly counts: PairCounts;
}

/** Runs in this process what the options ask for. */
export async function runHere(options: SimulateOptions): Promise<Outcome> {
  await using servers = await Servers.start();
  // The functions read them from their environment.
  for (const [name, value] of Object.entries(servers.secrets)) Deno.env.set(name, value);
  const campaign = new Campaign(servers, options);
  const tally = await campaign.run();
  return { tally, counts: campaign.counts };
}

/**
 * Divides what the options ask for among several processes: consecutive seeds, every nth step, or
 * for `--each-pair` the scenarios. One process uses little more than one core.
 */
export async function runInJobs(options: SimulateOptions, main: string): Promise<Outcome> {
  const outcomes = await Promise.all(
    jobsOf(options).map((job) => runInProcess(options, job, main)),
  );
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

/** The part of one process: its arguments and its scenarios. */
interface Job {
  readonly args: readonly string[];
  readonly scenarios: readonly Scenario[];
}

function jobsOf(options: SimulateOptions): Job[] {
  const { everyStep, eachPair, processes, jobs, seed, scenarios } = options;
  if (everyStep) {
    const all = processes ? "--all" : "--every-step";
    return Array.from({ length: jobs }, (_, index) => ({
      args: [all, "--share", `${index}/${jobs}`],
      scenarios,
    }));
  }
  if (eachPair > 0) {
    return groupByFocus(scenarios, jobs).map((group, index) => ({
      args: ["--each-pair", `${eachPair}`, "--seed", `${seed + index * MAX_STEERED_SEEDS}`],
      scenarios: group,
    }));
  }
  return sharesOf(options).map((share) => ({
    args: ["--seed", `${share.seed}`, "--seeds", `${share.seeds}`],
    scenarios,
  }));
}

/** Consecutive seeds. */
export interface Share {
  readonly seed: number;
  readonly seeds: number;
}

/** The seeds of each job: all seeds, each in one job. */
export function sharesOf({ seed, seeds, jobs }: Pick<SimulateOptions, "seed" | "seeds" | "jobs">) {
  const shares: Share[] = [];
  for (let job = 0; job < jobs; job++) {
    const [from, to] = [job, job + 1].map((index) => Math.floor(seeds * index / jobs));
    if (to! > from!) shares.push({ seed: seed + from!, seeds: to! - from! });
  }
  return shares;
}

/** Begins the last line that a child process prints for its parent. */
export const OUTCOME = "outcome ";

/** An outcome as JSON of another process. */
type JobOutcome = { readonly tally: Tally; readonly counts: Record<string, number> };

async function runInProcess(
  { failFast, verbose }: SimulateOptions,
  { args, scenarios }: Job,
  main: string,
): Promise<JobOutcome> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--allow-all", "--no-check", main, "--outcome"],
      ...args,
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
  if (!outcome) throw new Error(`the process with ${args.join(" ")} ended without an outcome`);
  return outcome;
}
