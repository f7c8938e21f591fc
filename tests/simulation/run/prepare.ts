import { type Fingerprint, fingerprint } from "../checks/repository.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import { DEFAULT_OPTIONS, Environment } from "../environment/environment.ts";
import type { Servers } from "../environment/servers.ts";
import type { SavedState } from "../environment/saved_state.ts";

/** A scenario with its initial state, which every run begins with. */
export interface Prepared {
  readonly scenario: Scenario;
  readonly state: SavedState;
  /** The contents of the repository in that state. */
  readonly before: Fingerprint;
}

/** Sets a scenario up and saves its state. */
export async function prepare(servers: Servers, scenario: Scenario): Promise<Prepared> {
  const environment = await Environment.open(servers, DEFAULT_OPTIONS);
  await scenario.setUp(environment);
  const { project } = await environment.source;
  const before = await fingerprint(project.reader);
  return { scenario, state: await environment.save(), before };
}
