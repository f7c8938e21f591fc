import { CRASHES, describeFault, type Fault, type FaultName, type Step } from "../proxy/step.ts";
import { INVARIANTS } from "../invariants.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import { DEFAULT_OPTIONS, type EnvironmentOptions } from "../environment/environment.ts";
import type { Servers } from "../environment/servers.ts";
import { MAX_STEERED_SEEDS } from "./budget.ts";
import { chooseOptions, choosePlan, chooseScenario } from "./choose_plan.ts";
import { focusOf } from "./focus_groups.ts";
import { PairCounts } from "./pair_counts.ts";
import type { SimulateOptions } from "./options.ts";
import { type RunPlan, runScenario, type ScenarioResult } from "./run_scenario.ts";
import { prepare, type Prepared } from "./prepare.ts";
import { WantedPairs } from "./wanted_pairs.ts";

/**
 * The faults of `--every-step`. A delayed worker resumes while others work, or after all are done.
 */
const EVERY_FAULT: readonly { readonly faultName: FaultName; readonly wakeAfter?: number }[] = [
  { faultName: "die_before" },
  { faultName: "die_after" },
  { faultName: "lose_reply" },
  { faultName: "sleep_before" },
  { faultName: "sleep_before", wakeAfter: 4 },
  { faultName: "sleep_after", wakeAfter: 4 },
];

/** `--every-step` runs for an hour: it reports its progress after so many steps. */
const STEPS_PER_REPORT = 25;

/** What several simulation runs came to. */
export interface Tally {
  seeds: number;
  points: number;
  broken: number;
}

/** The line that ends the command. */
export function formatTally({ seeds, points, broken }: Tally): string {
  return `${seeds} seeds, ${points} crash points, ${broken} broken`;
}

/** Runs scenarios with their faults, one after the other, and counts. */
export class Campaign {
  readonly tally: Tally = { seeds: 0, points: 0, broken: 0 };
  readonly counts = new PairCounts();
  /** By how a scenario is set up: several begin with the same state. */
  readonly #prepared = new Map<Scenario["setUp"], Promise<Prepared>>();
  readonly #steps = new Map<string, Promise<readonly Step[]>>();

  constructor(readonly servers: Servers, readonly options: SimulateOptions) {}

  /** Does what the options ask for. */
  async run(): Promise<Tally> {
    const { fault, everyStep, eachPair, wanted } = this.options;
    if (fault) await this.#runFault(fault);
    else if (everyStep) await this.#runEveryStep();
    else if (eachPair > 0) await this.#runUntilPairsMet(eachPair);
    else if (wanted !== undefined) await this.#runWanted(wanted === "none" ? undefined : wanted);
    else await this.#runSeeds();
    return this.tally;
  }

  get #isOver(): boolean {
    return this.options.failFast && this.tally.broken > 0;
  }

  async #runSeeds(): Promise<void> {
    const { seed: first, seeds, scenarios } = this.options;
    for (let seed = first; seed < first + seeds && !this.#isOver; seed++) {
      const { scenario, withRandomFaults } = chooseScenario(seed, scenarios);
      const steps = await this.#stepsOf(scenario, chooseOptions(seed));
      const plan: RunPlan = {
        ...choosePlan(seed, steps, scenario.flips ?? false),
        ...(withRandomFaults && { randomFaults: seed }),
      };
      this.tally.seeds += 1;
      // The scenario of a seed depends on how many scenarios there are.
      await this.#run(scenario, plan, `--seed ${seed} --seeds 1${this.#scenarioArguments()}`);
    }
  }

  /**
   * Runs each scenario once without random faults and once with them, and then, until every pair in
   * focus has met so often, the scenario whose pairs lack most.
   */
  async #runUntilPairsMet(times: number): Promise<void> {
    const { scenarios, seed: first } = this.options;
    const runs = new Map(scenarios.map((scenario) => [scenario, 0]));
    let seed = first;
    for (const scenario of scenarios) {
      if (!this.#isOver) await this.#runSteered(seed++, scenario, undefined);
    }
    const lacking = (kinds = focusOf(scenarios)) =>
      new WantedPairs(kinds, (fault, kind) => times - this.counts.of(fault, kind));
    const sumOf = (scenario: Scenario) => lacking(focusOf([scenario])).sum;
    while (!this.#isOver && seed < first + MAX_STEERED_SEEDS) {
      const next = scenarios.find((scenario) => runs.get(scenario) === 0) ??
        [...scenarios].sort((one, other) =>
          sumOf(other) - sumOf(one) || runs.get(one)! - runs.get(other)!
        )[0]!;
      if (runs.get(next)! > 0 && sumOf(next) === 0) return;
      runs.set(next, runs.get(next)! + 1);
      await this.#runSteered(seed++, next, lacking());
    }
  }

  async #runWanted(wanted: WantedPairs | undefined): Promise<void> {
    const { seed, scenarios } = this.options;
    for (const scenario of scenarios) await this.#runSteered(seed, scenario, wanted);
  }

  /** A run whose random faults are steered to wanted pairs; without any where these are absent. */
  async #runSteered(
    seed: number,
    scenario: Scenario,
    wanted: WantedPairs | undefined,
  ): Promise<void> {
    // One run without faults suffices to know the steps: another one for each variation of the
    // options would cost as much as the runs themselves.
    const steps = await this.#stepsOf(scenario, DEFAULT_OPTIONS);
    const plan: RunPlan = {
      ...choosePlan(seed, steps, scenario.flips ?? false),
      ...(wanted && { randomFaults: seed, wanted }),
    };
    this.tally.seeds += 1;
    const repeat = `--seed ${seed} --scenario ${scenario.name} --wanted ${wanted ?? "none"}`;
    if (this.options.verbose) console.log(`run ${repeat}`);
    await this.#run(scenario, plan, repeat);
  }

  get #asProcesses(): string {
    return this.options.processes ? " --processes" : "";
  }

  #scenarioArguments(): string {
    const { scenarios } = this.options;
    return scenarios.length > 3 ? "" : scenarios.map(({ name }) => ` --scenario ${name}`).join("");
  }

  async #runEveryStep(): Promise<void> {
    for (const scenario of this.options.scenarios) {
      const options = this.#options;
      const steps = await this.#stepsOf(scenario, options);
      console.log(`${scenario.name}: ${steps.length} steps`);
      const { index, of } = this.options.share;
      for (const { number: step } of steps) {
        if (step % of !== index) continue;
        if (step % STEPS_PER_REPORT === 0) console.log(`  ${step}: ${formatTally(this.tally)}`);
        for (const fault of this.#faultsOf(scenario)) {
          if (this.#isOver) return;
          const plan = { faults: [{ step, ...fault }], options, restore: true };
          const repeat = `--scenario ${scenario.name} --step ${step} --way ${fault.faultName}` +
            this.#asProcesses;
          await this.#run(scenario, plan, repeat);
        }
      }
    }
  }

  /** All faults of `--every-step`, or those that can be injected into processes. */
  #faultsOf({ flips }: Scenario): typeof EVERY_FAULT {
    if (this.options.processes) return CRASHES.map((faultName) => ({ faultName }));
    return flips ? [...EVERY_FAULT, { faultName: "flip_byte" }] : EVERY_FAULT;
  }

  get #options(): EnvironmentOptions {
    return { ...DEFAULT_OPTIONS, processes: this.options.processes };
  }

  async #runFault(fault: Fault): Promise<void> {
    for (const scenario of this.options.scenarios) {
      const plan = { faults: [fault], options: this.#options, restore: true };
      const repeat = `--scenario ${scenario.name} --step ${fault.step} --way ${fault.faultName}` +
        this.#asProcesses;
      await this.#run(scenario, plan, repeat);
    }
  }

  /** The steps of a scenario without faults; the invariants must hold in that run, too. */
  async #stepsOf(scenario: Scenario, options: EnvironmentOptions): Promise<readonly Step[]> {
    const { shortSlices, workerCount, processes } = options;
    const key = `${scenario.name} ${shortSlices} ${workerCount}`;
    const counted = this.#steps.get(key) ??
      this.#countSteps(scenario, { ...DEFAULT_OPTIONS, shortSlices, workerCount, processes });
    this.#steps.set(key, counted);
    return await counted;
  }

  async #countSteps(scenario: Scenario, options: EnvironmentOptions): Promise<readonly Step[]> {
    const plan: RunPlan = { faults: [], options, restore: false };
    const repeat = `--scenario ${scenario.name} --step 0 --way die_before`;
    return (await this.#run(scenario, plan, repeat)).steps;
  }

  async #run(scenario: Scenario, plan: RunPlan, repeat: string): Promise<ScenarioResult> {
    const prepared = this.#prepared.get(scenario.setUp) ?? prepare(this.servers, scenario);
    this.#prepared.set(scenario.setUp, prepared);
    const result = await runScenario(this.servers, { ...await prepared, scenario }, plan);
    this.tally.points += result.injected.length;
    this.counts.add(result.injected);
    if (result.broken) this.#report(scenario, plan, result, repeat);
    return result;
  }

  #report(scenario: Scenario, plan: RunPlan, result: ScenarioResult, repeat: string): void {
    const { broken } = result;
    if (!broken) return;
    this.tally.broken += 1;
    const injected = result.injected.map(({ step: { number, party, action }, faultName }) =>
      `${number} ${party} ${action}: ${faultName}`
    );
    console.log([
      `BROKEN ${broken.invariant}: ${INVARIANTS[broken.invariant]}`,
      `  ${broken.message}`,
      `  in ${scenario.name}, ${plan.faults.map(describeFault).join(" and ") || "without a fault"}${
        plan.randomFaults === undefined ? "" : ", with random faults"
      }${
        (plan.restarts ?? []).map(({ server, step, away }) =>
          `, ${server} restarts at ${step} and is away for ${away} steps`
        )
      }`,
      ...injected.map((text) => `  injected ${text}`),
      `  ${JSON.stringify(plan.options)}`,
      `  again: deno task simulate ${repeat}`,
    ].join("\n"));
    if (!this.options.verbose) return;
    for (const { number, worker, party, action } of result.steps) {
      console.log(`  ${number} worker ${worker} ${party} ${action}`);
    }
    for (const line of result.log) console.log(`  log: ${line}`);
  }
}
