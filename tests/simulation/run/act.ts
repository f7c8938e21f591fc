import { DEFAULT_FOCUS, type Scenario } from "../scenarios/scenario.ts";
import type { Environment } from "../environment/environment.ts";
import type { RunPlan } from "./run_scenario.ts";
import { RandomFaults } from "./random_faults.ts";

/** A scenario is repeated so often while random faults remain. */
const MAX_ROUNDS = 4;
/** In a steered run, where more faults are wanted. */
const MAX_STEERED_ROUNDS = 12;

/**
 * Runs a scenario under its faults. With random faults it is repeated until all of them were injected,
 * and once more after the servers have recovered. `betweenRounds` runs before anything else changes.
 */
export async function act(
  environment: Environment,
  scenario: Scenario,
  { faults, randomFaults, wanted, restarts = [] }: RunPlan,
  betweenRounds: () => Promise<void>,
): Promise<void> {
  const { proxy } = environment;
  proxy.faults = [...faults];
  for (const restart of restarts) environment.planRestart(restart);
  if (randomFaults === undefined) {
    await scenario.act(environment);
    if (await isPartial(environment)) await recover(environment, scenario);
    if (scenario.restores && hasDelay(environment)) await passOneMore(environment, scenario);
  } else {
    const focus = wanted?.kinds ?? (scenario.focus ?? DEFAULT_FOCUS).on;
    const rounds = wanted ? MAX_STEERED_ROUNDS : MAX_ROUNDS;
    proxy.randomFaults = new RandomFaults(randomFaults, focus, wanted);
    await scenario.act(environment);
    proxy.before = () => Promise.resolve();
    for (let round = 1; proxy.randomFaults.hasMore && round < rounds; round++) {
      await betweenRounds();
      await scenario.changeBetweenRounds?.(environment);
      await repeatAct(environment, scenario);
    }
    for (const { scheduler } of wanted ? await environment.participants() : []) {
      await scheduler.tidyUnderFaults();
    }
    await recover(environment, scenario);
  }
  proxy.faults = [];
}

/** Whether the last backup recorded failures that a server caused. */
async function isPartial({ proxy, source }: Environment): Promise<boolean> {
  if (!proxy.hadServerFault) return false;
  const failures = await (await source).project.sql`
    select from holdfast_private.failures where job = 'backup'`;
  return failures.length > 0;
}

/** Whether a worker was delayed: its writes may have arrived after the run. */
function hasDelay({ proxy }: Environment): boolean {
  return proxy.injected.some(({ fault }) => fault.faultName.startsWith("sleep"));
}

/** Lets one more minute pass and runs one more backup. */
async function passOneMore(environment: Environment, scenario: Scenario): Promise<void> {
  for (const { scheduler } of await environment.participants()) {
    await scheduler.tick();
    await scheduler.drive();
  }
  if (scenario.backsUp === false) return;
  const { scheduler } = await environment.participant(scenario.subject ?? "source");
  await scheduler.succeed({ kind: "backup" });
}

/** Ends the servers' faults and lets days pass, so that everything that failed is retried. */
async function recover(environment: Environment, scenario: Scenario): Promise<void> {
  environment.proxy.recover();
  environment.proxy.before = () => Promise.resolve();
  for (const { scheduler } of await environment.participants()) {
    await scheduler.drive();
    await scheduler.tidy();
    await scheduler.passDays();
  }
  environment.proxy.randomFaults = undefined;
  await repeatAct(environment, scenario);
}

async function repeatAct(environment: Environment, scenario: Scenario): Promise<void> {
  if (scenario.repeatAct) return await scenario.repeatAct(environment);
  const { scheduler } = await environment.participant(scenario.subject ?? "source");
  await scheduler.succeed({ kind: "backup" });
}
