import { type Fingerprint, fingerprint } from "../checks/repository.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import { CALM, Scene } from "../world/scene.ts";
import type { Servers } from "../world/servers.ts";
import type { State } from "../world/state.ts";

/** A scenario with the state from which it begins, as often as is wanted. */
export interface Prepared {
  readonly scenario: Scenario;
  readonly state: State;
  /** What lies in the repository by then. */
  readonly before: Fingerprint;
}

/** Brings a scenario to its beginning. */
export async function prepare(servers: Servers, scenario: Scenario): Promise<Prepared> {
  const scene = await Scene.open(servers, CALM);
  await scenario.given(scene);
  const { project } = await scene.source;
  const before = await fingerprint(project.reader);
  return { scenario, state: await scene.save(), before };
}
