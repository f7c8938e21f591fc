import { faultsOf } from "../fault_catalogue/pairs.ts";
import type { Fault, FaultName, Step } from "../proxy/step.ts";
import { DEFAULT_FOCUS, type Scenario } from "../scenarios/scenario.ts";
import { type EnvironmentOptions, RESTARTED_SERVERS } from "../environment/environment.ts";
import type { RunPlan } from "./run_scenario.ts";
import { Random } from "./random.ts";

/** The workers' faults from which a seed chooses, each with the same probability. */
const FAULT_NAMES: readonly FaultName[] = [
  "die_before",
  "die_after",
  "lose_reply",
  "sleep_before",
  "sleep_after",
];
/** The share of runs with a second fault after the first. */
const SECOND_FAULT_SHARE = 0.3;
/** The share of runs whose newest snapshot is restored into a new project. */
const RESTORE_SHARE = 0.2;

/** The share of runs in which a clock is wrong. */
const WRONG_CLOCK_SHARE = 0.3;
const TEN_MINUTES_MS = 10 * 60 * 1000;
/** The share of runs in which requests pass in a random order instead of the order of arrival. */
const ANY_ORDER_SHARE = 0.5;
/** The share of runs in which a server restarts. */
const RESTART_SHARE = 0.3;
/**
 * The most steps for which a server is unavailable: many more than a request has attempts. Without the
 * database a slice makes one step, so its steps are minutes.
 */
const MAX_STEPS_UNAVAILABLE = { database: 12, storage: 40, s3: 40 };
/** The share of runs with random faults. */
const RANDOM_FAULTS_SHARE = 0.6;

/** The scenario of a seed, and whether it runs with random faults. */
export function chooseScenario(
  seed: number,
  scenarios: readonly Scenario[],
): { readonly scenario: Scenario; readonly withRandomFaults: boolean } {
  const random = new Random(seed ^ 0x1f123bb5);
  if (!random.chance(RANDOM_FAULTS_SHARE)) {
    return { scenario: scenarios[seed % scenarios.length]!, withRandomFaults: false };
  }
  // Scenarios with requests that others lack run with random faults more often.
  const often = scenarios.flatMap((scenario) =>
    Array<Scenario>((scenario.focus ?? DEFAULT_FOCUS).weight).fill(scenario)
  );
  return { scenario: random.one(often), withRandomFaults: true };
}

/** The options of a seed's environment. */
export function chooseOptions(seed: number): EnvironmentOptions {
  const random = new Random(seed);
  return {
    shortSlices: random.chance(0.4),
    workerCount: random.one([1, 1, 2, 3]),
    ...(random.chance(ANY_ORDER_SHARE) && { order: seed }),
    conditionalWrites: random.one(["all", "all", "put", "none"]),
    aheadMs: chooseClocks(random),
    moments: chooseMoments(random),
  };
}

/** The clock of one party is wrong, or all clocks except the database's, as if that one were wrong. */
function chooseClocks(random: Random): EnvironmentOptions["aheadMs"] {
  const aheadMs = random.one([TEN_MINUTES_MS, -TEN_MINUTES_MS]);
  const right = { functions: 0, storage: 0, s3: 0 };
  if (!random.chance(WRONG_CLOCK_SHARE)) return right;
  return random.one([
    { ...right, functions: aheadMs },
    { ...right, storage: aheadMs },
    { ...right, s3: aheadMs },
    { functions: aheadMs, storage: aheadMs, s3: aheadMs },
  ]);
}

function chooseMoments(random: Random): EnvironmentOptions["moments"] {
  const kept = random.between(1, 50);
  return [kept, kept + random.between(1, 40)];
}

/** A server may restart before any step and be unavailable for some. */
function chooseRestarts(random: Random, steps: readonly Step[]): RunPlan["restarts"] {
  if (!random.chance(RESTART_SHARE)) return [];
  const server = random.one(RESTARTED_SERVERS);
  const step = random.between(1, steps.length);
  const away = random.chance(0.5) ? 0 : random.between(1, MAX_STEPS_UNAVAILABLE[server]);
  return [{ server, step, away }];
}

/** The faults of a seed in a scenario that has these steps. */
export function choosePlan(seed: number, steps: readonly Step[], flips: boolean): RunPlan {
  const random = new Random(seed ^ 0x5bd1e995);
  const faultNames = flips ? [...FAULT_NAMES, "flip_byte" as const] : FAULT_NAMES;
  const step = chooseStep(random, steps);
  // A server's fault as often as a worker's.
  const first = random.chance(0.5) ? faultNames : faultsOf(step.kind);
  const faults: Fault[] = [chooseFault(random, first, step.number)];
  if (random.chance(SECOND_FAULT_SHARE)) {
    const second = random.between(step.number + 1, steps.length + 10);
    faults.push(chooseFault(random, faultNames, second));
  }
  const restore = random.chance(RESTORE_SHARE);
  const restarts = chooseRestarts(random, steps);
  return { faults, options: chooseOptions(seed), restore, restarts };
}

/** Chooses each kind of request with the same probability, however few requests it has. */
function chooseStep(random: Random, steps: readonly Step[]): Step {
  const kinds = [...new Set(steps.map(({ kind }) => kind))];
  const kind = random.one(kinds);
  return random.one(steps.filter((step) => step.kind === kind));
}

function chooseFault(random: Random, faultNames: readonly FaultName[], step: number): Fault {
  const fault = { step, faultName: random.one(faultNames) };
  const wakes = fault.faultName.startsWith("sleep") && random.chance(0.7);
  return wakes ? { ...fault, wakeAfter: random.between(1, 12) } : fault;
}
