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
  given: incremental.given,
  async act(scene) {
    const source = await scene.source;
    const { project, clockwork, workers } = source;
    let before: Fingerprint = new Map();
    const putBack = planRewinding(scene, source, async () => {
      before = await fingerprint(project.reader);
    });
    workers.start({ kind: "backup" });
    await clockwork.drive();
    await putBack();
    await clockwork.drive();
    await backUpInSpiteOfSleepers(scene);
    assertKept(before, await fingerprint(project.reader));
  },
  again: backUpInSpiteOfSleepers,
};
