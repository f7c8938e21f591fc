import { parseArgs } from "node:util";
import { type Fault, FAULT_NAMES, type FaultName } from "../proxy/step.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import { WantedPairs } from "./wanted_pairs.ts";

/** What `deno task simulate` is asked to do. */
export interface SimulateOptions {
  readonly seed: number;
  readonly seeds: number;
  /** The scenarios to run. */
  readonly scenarios: readonly Scenario[];
  /** Every step of each with every fault, instead of seeds. */
  readonly everyStep: boolean;
  /**
   * Whether the functions run in processes of their own, which are killed where a worker crashes.
   */
  readonly processes: boolean;
  /** One given fault instead of a seed's. */
  readonly fault: Fault | undefined;
  /** Shows each step of a violated scenario. */
  readonly verbose: boolean;
  /** Mutants to apply to a copy of the tree. Each must be caught. */
  readonly mutants: readonly string[];
  /** Stops at the first violation. */
  readonly failFast: boolean;
  /** Steered seeds until each pair in focus has met so often; 0 for a number of seeds. */
  readonly eachPair: number;
  /** One seed with random faults that are steered so, or with `none`. */
  readonly wanted: WantedPairs | "none" | undefined;
  /** The number of processes that share the seeds or the steps. */
  readonly jobs: number;
  /** The steps of this process: every `of`th, from `index` on. */
  readonly share: StepShare;
  /** Whether this is one of these processes, which prints its outcome for its parent. */
  readonly outcome: boolean;
}

/** Every nth step, so that each job gets steps of all lengths. */
export interface StepShare {
  readonly index: number;
  readonly of: number;
}

/** How the command is used. */
export const USAGE = `deno task simulate [options]
  --seeds N          run N scenarios, each with faults that follow from its seed (30)
  --seed S           the first seed; by default a new one each time, which is printed
  --jobs N           N processes share the seeds, or the steps (1)
  --each-pair N      instead of a number of seeds: until each fault has met each request N times
  --wanted PAIRS     with --seed and --scenario: repeats one run of --each-pair, as that printed it
  --scenario NAME    only this one; may be repeated
  --every-step       every step of each scenario, with every fault
  --all              every step of each, with three faults, in processes that are killed
  --processes        with --step: as --all does it
  --step N --way W   one fault: ${FAULT_NAMES.join(", ")}
  --fail-fast        stop at the first violated invariant
  --verbose          show the steps and the log of a run that violated an invariant, and each steered run
  --mutant NAME      apply one deliberate bug of tests/mutants to a copy of the tree: the run must fail
  --mutants          apply all of them, one after the other: each must be caught`;

/** Seeds are short, so that they are easily typed. */
const MAX_SEED = 1_000_000;

/**
 * Reads the arguments of the command.
 * @throws {TypeError} that says what is wrong with them
 */
export function readOptions(
  args: readonly string[],
  { scenarios, mutants }: { scenarios: readonly Scenario[]; mutants: readonly string[] },
  random: () => number = Math.random,
): SimulateOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "seeds": { type: "string", default: "30" },
      "seed": { type: "string" },
      "each-pair": { type: "string", default: "0" },
      "wanted": { type: "string" },
      "jobs": { type: "string", default: "1" },
      "outcome": { type: "boolean", default: false },
      "share": { type: "string", default: "0/1" },
      "scenario": { type: "string", multiple: true, default: [] },
      "every-step": { type: "boolean", default: false },
      "all": { type: "boolean", default: false },
      "processes": { type: "boolean", default: false },
      "step": { type: "string" },
      "way": { type: "string" },
      "fail-fast": { type: "boolean", default: false },
      "verbose": { type: "boolean", default: false },
      "mutant": { type: "string", multiple: true, default: [] },
      "mutants": { type: "boolean", default: false },
    },
  });
  const unknown = values.scenario.filter((name) => !scenarios.some((it) => it.name === name));
  if (unknown.length > 0) {
    const names = scenarios.map(({ name }) => name).join(", ");
    throw new TypeError(`there is no scenario ${unknown.join(", ")}; there are ${names}`);
  }
  const unknownMutants = values.mutant.filter((name) => !mutants.includes(name));
  if (unknownMutants.length > 0) {
    throw new TypeError(
      `there is no mutant ${unknownMutants.join(", ")}; there are ${mutants.join(", ")}`,
    );
  }
  const wanted = scenarios.filter(({ name }) => values.scenario.includes(name));
  return {
    seed: values.seed === undefined ? Math.floor(random() * MAX_SEED) : number("seed", values.seed),
    seeds: number("seeds", values.seeds),
    scenarios: wanted.length > 0 ? wanted : scenarios,
    everyStep: values["every-step"] || values.all,
    processes: values.all || values.processes,
    fault: faultOf(values.step, values.way),
    eachPair: number("each-pair", values["each-pair"]),
    wanted: wantedOf(values.wanted),
    failFast: values["fail-fast"],
    jobs: Math.max(1, number("jobs", values.jobs)),
    share: shareOf(values.share),
    outcome: values.outcome,
    verbose: values.verbose,
    mutants: values.mutants ? mutants : values.mutant,
  };
}

function wantedOf(text: string | undefined): SimulateOptions["wanted"] {
  return text === undefined || text === "none" ? text : WantedPairs.parse(text);
}

/** The share as a parent process passes it. */
function shareOf(text: string): StepShare {
  const [index, of] = text.split("/").map(Number);
  if (Number.isInteger(index) && Number.isInteger(of) && index! < of!) {
    return { index: index!, of: of! };
  }
  throw new TypeError(`--share takes a number and how many there are, as 0/2, not ${text}`);
}

function faultOf(step: string | undefined, faultName: string | undefined): Fault | undefined {
  if (step === undefined && faultName === undefined) return undefined;
  if (step === undefined || !FAULT_NAMES.some((known) => known === faultName)) {
    throw new TypeError(`--step and --way go together; faults are ${FAULT_NAMES.join(", ")}`);
  }
  return { step: number("step", step), faultName: faultName as FaultName };
}

function number(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new TypeError(`--${name} takes an integer, not ${text}`);
}
