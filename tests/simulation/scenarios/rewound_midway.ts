import { assertKept, type Fingerprint, fingerprint } from "../checks/repository.ts";
import { planRewinding } from "./rewinding.ts";
import { backUpInSpiteOfSleepers } from "./rewound.ts";
import { incremental } from "./incremental.ts";
import type { Scenario } from "./scenario.ts";

/**
 * The database is kept before one step of a backup and put back before a later one, or when the
 * backup is over. What the repository had by then must stay as it is.
 */
export const rewoundMidway: Scenario = {
  name: "rewound_midway",
  forgets: true,
  setUp: incremental.setUp,
  async act(environment) {
    const source = await environment.source;
    const { project, scheduler, workers } = source;
    let before: Fingerprint = new Map();
    const putBack = planRewinding(environment, source, async () => {
      before = await fingerprint(project.reader);
    });
    workers.start({ kind: "backup" });
    await scheduler.drive();
    await putBack();
    await scheduler.drive();
    await backUpInSpiteOfSleepers(environment);
    assertKept(before, await fingerprint(project.reader));
  },
  repeatAct: backUpInSpiteOfSleepers,
};
