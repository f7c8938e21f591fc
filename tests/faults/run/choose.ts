import { type Fault, kindOf, type Step, type Way } from "../door/step.ts";
import type { SceneOptions } from "../world/scene.ts";
import type { Point } from "./point.ts";
import { Random } from "./random.ts";

/** The ways that a seed may choose from, each as often. */
const WAYS: readonly Way[] = [
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

/** How the scene of a seed is set up. */
export function chooseOptions(seed: number): SceneOptions {
  const random = new Random(seed);
  return {
    shortSlices: random.chance(0.4),
    twoLanes: random.chance(0.4),
    conditionalWrites: random.one(["all", "all", "put", "none"]),
  };
}

/** What goes wrong in the telling of a seed, of a scenario that has these steps. */
export function choosePoint(seed: number, steps: readonly Step[], flips: boolean): Point {
  const random = new Random(seed ^ 0x5bd1e995);
  const ways = flips ? [...WAYS, "flip_byte" as const] : WAYS;
  const faults: Fault[] = [chooseFault(random, ways, chooseStep(random, steps))];
  if (random.chance(SECOND_FAULT_SHARE)) {
    const first = faults[0]!.step + 1;
    faults.push(chooseFault(random, ways, random.between(first, steps.length + 10)));
  }
  return { faults, options: chooseOptions(seed), restore: random.chance(RESTORE_SHARE) };
}

/** Each kind of request as often as any other, however few there are of it. */
function chooseStep(random: Random, steps: readonly Step[]): number {
  const kinds = [...new Set(steps.map(kindOf))];
  const kind = random.one(kinds);
  return random.one(steps.filter((step) => kindOf(step) === kind)).number;
}

function chooseFault(random: Random, ways: readonly Way[], step: number): Fault {
  const fault = { step, way: random.one(ways) };
  const wakes = fault.way.startsWith("sleep") && random.chance(0.7);
  return wakes ? { ...fault, wakeAfter: random.between(1, 12) } : fault;
}
