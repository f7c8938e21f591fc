import { DEFAULT_FOCUS, type Scenario } from "../scenarios/scenario.ts";
import type { Environment } from "../environment/environment.ts";
import type { RunPlan } from "./run_scenario.ts";
import { RandomFaults } from "./random_faults.ts";

/** So often a scenario is done while the weather is bad. */
const MAX_ROUNDS = 4;

/**
 * Does what a scenario is about while things go wrong. In bad weather, again and again, until each
 * fault that was to come has come; and once more when it is over. `betweenRounds` is waited for
 * before anything else changes.
 */
export async function act(
  environment: Environment,
  scenario: Scenario,
  { faults, randomFaults, restarts = [] }: RunPlan,
  betweenRounds: () => Promise<void>,
): Promise<void> {
  const { proxy } = environment;
  proxy.faults = [...faults];
  for (const restart of restarts) environment.planRestart(restart);
  if (randomFaults === undefined) {
    await scenario.act(environment);
    if (await isPartial(environment)) await recover(environment, scenario);
    if (scenario.restores && hasSlept(environment)) await passOneMore(environment, scenario);
  } else {
    proxy.randomFaults = new RandomFaults(randomFaults, (scenario.focus ?? DEFAULT_FOCUS).on);
    await scenario.act(environment);
    proxy.before = () => Promise.resolve();
    for (let round = 1; proxy.randomFaults.hasMore && round < MAX_ROUNDS; round++) {
      await betweenRounds();
      await scenario.changeBetweenRounds?.(environment);
      await doAgain(environment, scenario);
    }
    await recover(environment, scenario);
  }
  proxy.faults = [];
}

/** Whether the last backup said that it could not copy something, for what a server did. */
async function isPartial({ proxy, source }: Environment): Promise<boolean> {
  if (!proxy.hadServerFault) return false;
  const failures = await (await source).project.sql`
    select from holdfast.failures where job = 'backup'`;
  return failures.length > 0;
}

/** Whether a lane slept: what it wrote may have come late. */
function hasSlept({ proxy }: Environment): boolean {
  return proxy.injected.some(({ fault }) => fault.faultName.startsWith("sleep"));
}

/** One more minute passes, and one more backup. */
async function passOneMore(environment: Environment, scenario: Scenario): Promise<void> {
  for (const { scheduler } of await environment.participants()) {
    await scheduler.tick();
    await scheduler.drive();
  }
  if (scenario.backsUp === false) return;
  const { scheduler } = await environment.participant(scenario.subject ?? "source");
  await scheduler.succeed({ kind: "backup" });
}

/** The servers are well again, and days pass, so that whatever failed is tried again. */
async function recover(environment: Environment, scenario: Scenario): Promise<void> {
  environment.proxy.recover();
  environment.proxy.before = () => Promise.resolve();
  for (const { scheduler } of await environment.participants()) {
    await scheduler.drive();
    await scheduler.tidy();
    await scheduler.passDays();
  }
  environment.proxy.randomFaults = undefined;
  await doAgain(environment, scenario);
}

async function doAgain(environment: Environment, scenario: Scenario): Promise<void> {
  if (scenario.repeatAct) return await scenario.repeatAct(environment);
  const { scheduler } = await environment.participant(scenario.subject ?? "source");
  await scheduler.succeed({ kind: "backup" });
}
