import { CRASHES, describeFault, type Fault, type FaultName, type Step } from "../proxy/step.ts";
import { INVARIANTS } from "../invariants.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import { DEFAULT_OPTIONS, type EnvironmentOptions } from "../environment/environment.ts";
import type { Servers } from "../environment/servers.ts";
import { chooseOptions, choosePlan, chooseScenario } from "./choose_plan.ts";
import { PairCounts } from "./pair_counts.ts";
import type { SimulateOptions } from "./options.ts";
import { type RunPlan, runScenario, type ScenarioResult } from "./run_scenario.ts";
import { prepare, type Prepared } from "./prepare.ts";

/** Every way of `--every-step`; a sleeper wakes among others at work, or when all is done. */
const EVERY_FAULT: readonly { readonly faultName: FaultName; readonly wakeAfter?: number }[] = [
  { faultName: "die_before" },
  { faultName: "die_after" },
  { faultName: "lose_reply" },
  { faultName: "sleep_before" },
  { faultName: "sleep_before", wakeAfter: 4 },
  { faultName: "sleep_after", wakeAfter: 4 },
];

/** Every step is told for an hour: so often it says how far it is. */
const STEPS_A_LINE = 25;

/** What came of many tellings. */
export interface Tally {
  seeds: number;
  points: number;
  broken: number;
}

/** The line that ends the command. */
export function formatTally({ seeds, points, broken }: Tally): string {
  return `${seeds} seeds, ${points} crash points, ${broken} broken`;
}

/** Tells scenarios with their faults, one after the other, and counts. */
export class Campaign {
  readonly tally: Tally = { seeds: 0, points: 0, broken: 0 };
  readonly counts = new PairCounts();
  readonly #prepared = new Map<Scenario, Promise<Prepared>>();
  readonly #steps = new Map<string, Promise<readonly Step[]>>();

  constructor(readonly servers: Servers, readonly options: SimulateOptions) {}

  /** Does what the options ask for. */
  async run(): Promise<Tally> {
    if (this.options.fault) await this.#tellOne(this.options.fault);
    else if (this.options.everyStep) await this.#tellEveryStep();
    else await this.#tellSeeds();
    return this.tally;
  }

  get #over(): boolean {
    return this.options.failFast && this.tally.broken > 0;
  }

  async #tellSeeds(): Promise<void> {
    const { seed: first, seeds, scenarios } = this.options;
    for (let seed = first; seed < first + seeds && !this.#over; seed++) {
      const { scenario, withRandomFaults } = chooseScenario(seed, scenarios);
      const options = chooseOptions(seed);
      const steps = await this.#stepsOf(scenario, options);
      const point: RunPlan = {
        ...choosePlan(seed, steps, scenario.flips ?? false),
        ...(withRandomFaults && { randomFaults: seed }),
      };
      this.tally.seeds += 1;
      // Which scenario a seed is of depends on how many there are.
      await this.#runScenario(
        scenario,
        point,
        `--seed ${seed} --seeds 1${this.#scenarioArguments()}`,
      );
    }
  }

  get #asProcesses(): string {
    return this.options.processes ? " --processes" : "";
  }

  #scenarioArguments(): string {
    const { scenarios } = this.options;
    return scenarios.length > 3 ? "" : scenarios.map(({ name }) => ` --scenario ${name}`).join("");
  }

  async #tellEveryStep(): Promise<void> {
    for (const scenario of this.options.scenarios) {
      const options = this.#options;
      const steps = await this.#stepsOf(scenario, options);
      console.log(`${scenario.name}: ${steps.length} steps`);
      const { index, of } = this.options.share;
      for (const { number: step } of steps) {
        if (step % of !== index) continue;
        if (step % STEPS_A_LINE === 0) console.log(`  ${step}: ${formatTally(this.tally)}`);
        const faultNames = this.#waysOf(scenario);
        for (const faultName of faultNames) {
          if (this.#over) return;
          const point = { faults: [{ step, ...faultName }], options, restore: true };
          await this.#runScenario(
            scenario,
            point,
            `--scenario ${scenario.name} --step ${step} --way ${faultName.faultName}${this.#asProcesses}`,
          );
        }
      }
    }
  }

  /** All ways of `--every-step`, or with processes those that a process can go. */
  #waysOf({ flips }: Scenario): typeof EVERY_FAULT {
    if (this.options.processes) return CRASHES.map((faultName) => ({ faultName }));
    return flips ? [...EVERY_FAULT, { faultName: "flip_byte" }] : EVERY_FAULT;
  }

  get #options(): EnvironmentOptions {
    return { ...DEFAULT_OPTIONS, processes: this.options.processes };
  }

  async #tellOne(fault: Fault): Promise<void> {
    for (const scenario of this.options.scenarios) {
      const point = { faults: [fault], options: this.#options, restore: true };
      const repeat = `--scenario ${scenario.name} --step ${fault.step} --way ${fault.faultName}` +
        this.#asProcesses;
      await this.#runScenario(scenario, point, repeat);
    }
  }

  /** The steps of a scenario where nothing goes wrong; it must keep its promises then, too. */
  async #stepsOf(scenario: Scenario, options: EnvironmentOptions): Promise<readonly Step[]> {
    const { shortSlices, workerCount, processes } = options;
    const key = `${scenario.name} ${shortSlices} ${workerCount}`;
    const counted = this.#steps.get(key) ??
      this.#countSteps(scenario, { ...DEFAULT_OPTIONS, shortSlices, workerCount, processes });
    this.#steps.set(key, counted);
    return await counted;
  }

  async #countSteps(scenario: Scenario, options: EnvironmentOptions): Promise<readonly Step[]> {
    const point: RunPlan = { faults: [], options, restore: false };
    const repeat = `--scenario ${scenario.name} --step 0 --way die_before`;
    return (await this.#runScenario(scenario, point, repeat)).steps;
  }

  async #runScenario(scenario: Scenario, point: RunPlan, repeat: string): Promise<ScenarioResult> {
    const prepared = this.#prepared.get(scenario) ?? prepare(this.servers, scenario);
    this.#prepared.set(scenario, prepared);
    const telling = await runScenario(this.servers, await prepared, point);
    this.tally.points += telling.injected.length;
    this.counts.add(telling.injected);
    if (telling.broken) this.#report(scenario, point, telling, repeat);
    return telling;
  }

  #report(scenario: Scenario, point: RunPlan, telling: ScenarioResult, repeat: string): void {
    const { broken } = telling;
    if (!broken) return;
    this.tally.broken += 1;
    const where = telling.injected.map(({ step: { number, party, action }, faultName }) =>
      `${number} ${party} ${action}: ${faultName}`
    );
    console.log([
      `BROKEN ${broken.promise}: ${INVARIANTS[broken.promise]}`,
      `  ${broken.message}`,
      `  in ${scenario.name}, ${point.faults.map(describeFault).join(" and ") || "nothing wrong"}${
        point.randomFaults === undefined ? "" : ", with random faults"
      }${
        (point.restarts ?? []).map(({ server, step, away }) =>
          `, ${server} restarts at ${step} and is away for ${away} steps`
        )
      }`,
      ...where.map((text) => `  injected ${text}`),
      `  ${JSON.stringify(point.options)}`,
      `  again: deno task simulate ${repeat}`,
    ].join("\n"));
    if (!this.options.verbose) return;
    for (const { number, worker, party, action } of telling.steps) {
      console.log(`  ${number} worker ${worker} ${party} ${action}`);
    }
    for (const line of telling.log) console.log(`  log: ${line}`);
  }
}
