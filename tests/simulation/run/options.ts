import { parseArgs } from "node:util";
import { type Fault, FAULT_NAMES, type FaultName } from "../proxy/step.ts";
import type { Scenario } from "../scenarios/scenario.ts";

/** What `deno task simulate` is asked to do. */
export interface SimulateOptions {
  readonly seed: number;
  readonly seeds: number;
  /** Only these. */
  readonly scenarios: readonly Scenario[];
  /** Every step of each, in every way, instead of seeds. */
  readonly everyStep: boolean;
  /** Whether the functions run in processes of their own, which are killed where a lane dies. */
  readonly processes: boolean;
  /** One fault of one's own instead of a seed's. */
  readonly fault: Fault | undefined;
  /** Tells each step of a scenario that is told. */
  readonly verbose: boolean;
  /** Deliberate bugs to put into a copy of the tree, each of which must be found. */
  readonly mutants: readonly string[];
  /** Ends at the first broken promise. */
  readonly failFast: boolean;
  /** So many processes share the seeds, or the steps. */
  readonly jobs: number;
  /** Which of the steps are this process's: every `of`th, from `index` on. */
  readonly share: StepShare;
  /** Whether this is one of them, which ends with its outcome for the one that started it. */
  readonly outcome: boolean;
}

/** Every nth step, so that all jobs have as many of the long ones. */
export interface StepShare {
  readonly index: number;
  readonly of: number;
}

/** How the command is used. */
export const USAGE = `deno task simulate [options]
  --seeds N          tell N scenarios, each with faults that follow from its seed (30)
  --seed S           the first seed; by default one that is new each time, and printed
  --jobs N           N processes share the seeds, or the steps (1)
  --scenario NAME    only this one; may be repeated
  --every-step       every step of each scenario, in every way
  --all              every step of each, in three ways, by processes that are killed
  --processes        with --step: as --all does it
  --step N --way W   one fault: ${FAULT_NAMES.join(", ")}
  --fail-fast        end at the first broken promise
  --verbose          show the steps and the log of a telling that broke a promise
  --mutant NAME      apply one deliberate bug of tests/mutants to a copy of the tree: the run must fail
  --mutants          apply all of them, one after the other: each must be caught`;

/** Seeds have so many digits, so that one is easily typed. */
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
    failFast: values["fail-fast"],
    jobs: Math.max(1, number("jobs", values.jobs)),
    share: shareOf(values.share),
    outcome: values.outcome,
    verbose: values.verbose,
    mutants: values.mutants ? mutants : values.mutant,
  };
}

/** As one process asks another for its share. */
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
  throw new TypeError(`--${name} takes a whole number, not ${text}`);
}
