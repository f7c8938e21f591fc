import { type Scenario, SHOWERS } from "../scenarios/scenario.ts";
import type { Scene } from "../world/scene.ts";
import type { Point } from "./point.ts";
import { BadWeather } from "./weather.ts";

/** So often a scenario is done while the weather is bad. */
const MAX_ROUNDS = 4;

/**
 * Does what a scenario is about while things go wrong. In bad weather, again and again, until each
 * fault that was to come has come; and once more when it is over. `betweenRounds` is waited for
 * before anything else changes.
 */
export async function act(
  scene: Scene,
  scenario: Scenario,
  { faults, weather, restarts = [] }: Point,
  betweenRounds: () => Promise<void>,
): Promise<void> {
  const { door } = scene;
  door.faults = [...faults];
  for (const restart of restarts) scene.planRestart(restart);
  if (weather === undefined) {
    await scenario.act(scene);
    if (await isPartial(scene)) await clearUp(scene, scenario);
    if (scenario.restores && hasSlept(scene)) await passOneMore(scene, scenario);
  } else {
    door.weather = new BadWeather(weather, (scenario.storm ?? SHOWERS).on);
    await scenario.act(scene);
    door.before = () => Promise.resolve();
    for (let round = 1; door.weather.blows && round < MAX_ROUNDS; round++) {
      await betweenRounds();
      await scenario.stir?.(scene);
      await doAgain(scene, scenario);
    }
    await clearUp(scene, scenario);
  }
  door.faults = [];
}

/** Whether the last backup said that it could not copy something, for what a server did. */
async function isPartial({ door, source }: Scene): Promise<boolean> {
  if (!door.wasUnwell) return false;
  const failures = await (await source).project.sql`
    select from holdfast_private.failures where job = 'backup'`;
  return failures.length > 0;
}

/** Whether a lane slept: what it wrote may have come late. */
function hasSlept({ door }: Scene): boolean {
  return door.struck.some(({ fault }) => fault.way.startsWith("sleep"));
}

/** One more minute passes, and one more backup. */
async function passOneMore(scene: Scene, scenario: Scenario): Promise<void> {
  for (const { clockwork } of await scene.actors()) {
    await clockwork.tick();
    await clockwork.drive();
  }
  if (scenario.backsUp === false) return;
  const { clockwork } = await scene.actor(scenario.subject ?? "source");
  await clockwork.succeed({ kind: "backup" });
}

/** The servers are well again, and days pass, so that whatever failed is tried again. */
async function clearUp(scene: Scene, scenario: Scenario): Promise<void> {
  scene.door.clearUp();
  scene.door.before = () => Promise.resolve();
  for (const { clockwork } of await scene.actors()) {
    await clockwork.drive();
    await clockwork.tidy();
    await clockwork.passDays();
  }
  scene.door.weather = undefined;
  await doAgain(scene, scenario);
}

async function doAgain(scene: Scene, scenario: Scenario): Promise<void> {
  if (scenario.again) return await scenario.again(scene);
  const { clockwork } = await scene.actor(scenario.subject ?? "source");
  await clockwork.succeed({ kind: "backup" });
}
