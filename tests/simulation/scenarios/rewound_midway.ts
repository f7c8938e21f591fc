import { assertKept, type Fingerprint, fingerprint } from "../checks/repository.ts";
import { planRewinding } from "./rewinding.ts";
import { backUpDespiteDelays } from "./rewound.ts";
import { incremental } from "./incremental.ts";
import type { Scenario } from "./scenario.ts";

/**
 * The database is saved before one step of a backup and restored before a later one, or after the
 * backup. The repository's objects of that moment must not change.
 */
export const rewoundMidway: Scenario = {
  name: "rewound_midway",
  forgets: true,
  setUp: incremental.setUp,
  async act(environment) {
    const source = await environment.source;
    const { project, scheduler, workers } = source;
    let before: Fingerprint = new Map();
    const restoreMoment = planRewinding(environment, source, async () => {
      before = await fingerprint(project.reader);
    });
    workers.start({ kind: "backup" });
    await scheduler.drive();
    await restoreMoment();
    await scheduler.drive();
    await backUpDespiteDelays(environment);
    assertKept(before, await fingerprint(project.reader));
  },
  repeatAct: backUpDespiteDelays,
};
