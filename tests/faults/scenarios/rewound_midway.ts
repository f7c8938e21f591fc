import { assertKept, type Fingerprint, fingerprint } from "../checks/repository.ts";
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
    const { project, clockwork, workers } = await scene.source;
    const [kept, back] = scene.options.moments;
    const moment = `moment ${scene.servers.nextNumber()}`;
    let [isKept, isBack] = [false, false];
    let before: Fingerprint = new Map();
    const putBack = async () => {
      if (!isKept || isBack) return;
      isBack = true;
      before = await fingerprint(project.reader);
      await project.putMomentBack(moment);
    };
    scene.door.at(kept, async () => {
      await project.keepMoment(moment);
      isKept = true;
    });
    scene.door.at(back, putBack);
    workers.start({ kind: "backup" });
    await clockwork.drive();
    await putBack();
    await clockwork.drive();
    await backUpInSpiteOfSleepers(scene);
    assertKept(before, await fingerprint(project.reader));
  },
  again: backUpInSpiteOfSleepers,
};
