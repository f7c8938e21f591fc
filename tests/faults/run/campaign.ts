import { CRASHES, describeFault, type Fault, type Step, type Way } from "../door/step.ts";
import { PROMISES } from "../promises.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import { CALM, type SceneOptions } from "../world/scene.ts";
import type { Servers } from "../world/servers.ts";
import { chooseOptions, choosePoint, chooseScenario } from "./choose.ts";
import { Counts } from "./counts.ts";
import type { FaultsOptions } from "./options.ts";
import { type Point, tell, type Telling } from "./point.ts";
import { prepare, type Prepared } from "./prepare.ts";

/** Every way of `--every-step`; a sleeper wakes among others at work, or when all is done. */
const EVERY_WAY: readonly { readonly way: Way; readonly wakeAfter?: number }[] = [
  { way: "die_before" },
  { way: "die_after" },
  { way: "lose_reply" },
  { way: "sleep_before" },
  { way: "sleep_before", wakeAfter: 4 },
  { way: "sleep_after", wakeAfter: 4 },
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
  readonly counts = new Counts();
  readonly #prepared = new Map<Scenario, Promise<Prepared>>();
  readonly #steps = new Map<string, Promise<readonly Step[]>>();

  constructor(readonly servers: Servers, readonly options: FaultsOptions) {}

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
      const { scenario, badWeather } = chooseScenario(seed, scenarios);
      const options = chooseOptions(seed);
      const steps = await this.#stepsOf(scenario, options);
      const point: Point = {
        ...choosePoint(seed, steps, scenario.flips ?? false),
        ...(badWeather && { weather: seed }),
      };
      this.tally.seeds += 1;
      // Which scenario a seed is of depends on how many there are.
      await this.#tell(scenario, point, `--seed ${seed} --seeds 1${this.#scenarioArguments()}`);
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
        const ways = this.#waysOf(scenario);
        for (const way of ways) {
          if (this.#over) return;
          const point = { faults: [{ step, ...way }], options, restore: true };
          await this.#tell(
            scenario,
            point,
            `--scenario ${scenario.name} --step ${step} --way ${way.way}${this.#asProcesses}`,
          );
        }
      }
    }
  }

  /** All ways of `--every-step`, or with processes those that a process can go. */
  #waysOf({ flips }: Scenario): typeof EVERY_WAY {
    if (this.options.processes) return CRASHES.map((way) => ({ way }));
    return flips ? [...EVERY_WAY, { way: "flip_byte" }] : EVERY_WAY;
  }

  get #options(): SceneOptions {
    return { ...CALM, processes: this.options.processes };
  }

  async #tellOne(fault: Fault): Promise<void> {
    for (const scenario of this.options.scenarios) {
      const point = { faults: [fault], options: this.#options, restore: true };
      const repeat = `--scenario ${scenario.name} --step ${fault.step} --way ${fault.way}` +
        this.#asProcesses;
      await this.#tell(scenario, point, repeat);
    }
  }

  /** The steps of a scenario where nothing goes wrong; it must keep its promises then, too. */
  async #stepsOf(scenario: Scenario, options: SceneOptions): Promise<readonly Step[]> {
    const { shortSlices, lanes, processes } = options;
    const key = `${scenario.name} ${shortSlices} ${lanes}`;
    const counted = this.#steps.get(key) ??
      this.#countSteps(scenario, { ...CALM, shortSlices, lanes, processes });
    this.#steps.set(key, counted);
    return await counted;
  }

  async #countSteps(scenario: Scenario, options: SceneOptions): Promise<readonly Step[]> {
    const point: Point = { faults: [], options, restore: false };
    const repeat = `--scenario ${scenario.name} --step 0 --way die_before`;
    return (await this.#tell(scenario, point, repeat)).steps;
  }

  async #tell(scenario: Scenario, point: Point, repeat: string): Promise<Telling> {
    const prepared = this.#prepared.get(scenario) ?? prepare(this.servers, scenario);
    this.#prepared.set(scenario, prepared);
    const telling = await tell(this.servers, await prepared, point);
    this.tally.points += telling.struck.length;
    this.counts.add(telling.struck);
    if (telling.broken) this.#report(scenario, point, telling, repeat);
    return telling;
  }

  #report(scenario: Scenario, point: Point, telling: Telling, repeat: string): void {
    const { broken } = telling;
    if (!broken) return;
    this.tally.broken += 1;
    const where = telling.struck.map(({ step: { number, party, action }, way }) =>
      `${number} ${party} ${action}: ${way}`
    );
    console.log([
      `BROKEN ${broken.promise}: ${PROMISES[broken.promise]}`,
      `  ${broken.message}`,
      `  in ${scenario.name}, ${point.faults.map(describeFault).join(" and ") || "nothing wrong"}${
        point.weather === undefined ? "" : ", in bad weather"
      }${
        (point.restarts ?? []).map(({ server, step, away }) =>
          `, ${server} restarts at ${step} and is away for ${away} steps`
        )
      }`,
      ...where.map((text) => `  struck ${text}`),
      `  ${JSON.stringify(point.options)}`,
      `  again: deno task faults ${repeat}`,
    ].join("\n"));
    if (!this.options.verbose) return;
    for (const { number, lane, party, action } of telling.steps) {
      console.log(`  ${number} lane ${lane} ${party} ${action}`);
    }
    for (const line of telling.log) console.log(`  log: ${line}`);
  }
}
