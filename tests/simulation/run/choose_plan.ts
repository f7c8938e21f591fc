import { faultsOf } from "../fault_catalogue/pairs.ts";
import type { Fault, FaultName, Step } from "../proxy/step.ts";
import { DEFAULT_FOCUS, type Scenario } from "../scenarios/scenario.ts";
import { type EnvironmentOptions, RESTARTED_SERVERS } from "../environment/environment.ts";
import type { RunPlan } from "./run_scenario.ts";
import { Random } from "./random.ts";

/** What a lane may do of which a seed chooses, each as often. */
const FAULT_NAMES: readonly FaultName[] = [
  "die_before",
  "die_after",
  "lose_reply",
  "sleep_before",
  "sleep_after",
];
/** A second fault strikes this often, on the way on from the first. */
const SECOND_FAULT_SHARE = 0.3;
/** The newest snapshot is restored into a new project this often. */
const RESTORE_SHARE = 0.2;

/** The clock of one of the parties is so wrong this often. */
const WRONG_CLOCK_SHARE = 0.3;
const TEN_MINUTES_MS = 10 * 60 * 1000;
/** Lanes go on in any order this often, else in the one in which they ask. */
const ANY_ORDER_SHARE = 0.5;
/** One of the servers restarts this often. */
const RESTART_SHARE = 0.3;
/**
 * So many steps a server may be away for: many more than a request is tried. Without the database
 * a slice makes one step, so these are minutes.
 */
const MAX_STEPS_AWAY = { database: 12, storage: 40, s3: 40 };
/** Tellings in which the weather is bad besides. */
const BAD_WEATHER_SHARE = 0.6;

/** Which scenario a seed tells, of several, and whether in bad weather. */
export function chooseScenario(
  seed: number,
  scenarios: readonly Scenario[],
): { readonly scenario: Scenario; readonly withRandomFaults: boolean } {
  const random = new Random(seed ^ 0x1f123bb5);
  if (!random.chance(BAD_WEATHER_SHARE)) {
    return { scenario: scenarios[seed % scenarios.length]!, withRandomFaults: false };
  }
  // Some have requests that others lack, and so meet more weather.
  const often = scenarios.flatMap((scenario) =>
    Array<Scenario>((scenario.focus ?? DEFAULT_FOCUS).weight).fill(scenario)
  );
  return { scenario: random.one(often), withRandomFaults: true };
}

/** How the scene of a seed is set up. */
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

/** Of one party, or of all but the database, which is as if its own were wrong the other way. */
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

/** A server may restart before any step, and stay away for some. */
function chooseRestarts(random: Random, steps: readonly Step[]): RunPlan["restarts"] {
  if (!random.chance(RESTART_SHARE)) return [];
  const server = random.one(RESTARTED_SERVERS);
  const step = random.between(1, steps.length);
  const away = random.chance(0.5) ? 0 : random.between(1, MAX_STEPS_AWAY[server]);
  return [{ server, step, away }];
}

/** What goes wrong in the telling of a seed, of a scenario that has these steps. */
export function choosePlan(seed: number, steps: readonly Step[], flips: boolean): RunPlan {
  const random = new Random(seed ^ 0x5bd1e995);
  const faultNames = flips ? [...FAULT_NAMES, "flip_byte" as const] : FAULT_NAMES;
  const step = chooseStep(random, steps);
  // As often the server's as the lane's.
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

/** Each kind of request as often as any other, however few there are of it. */
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
