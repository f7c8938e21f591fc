import assert from "node:assert/strict";
import { holds } from "../promises.ts";
import { planRewinding } from "./rewinding.ts";
import { metadataKeptByLast } from "../checks/restored.ts";
import { checkElsewhere, restoreElsewhere, rowsOf } from "./restore_elsewhere.ts";
import type { Scenario } from "./scenario.ts";

/**
 * The database of the project that is restored into is kept before one step and put back before a
 * later one: rows of what was put are gone with the run, and the bytes lie there. The next restore
 * makes it right.
 */
export const restoreRewound: Scenario = {
  ...restoreElsewhere,
  name: "restore_rewound",
  storm: { ...restoreElsewhere.storm!, weight: 2 },
  async act(scene) {
    const other = await scene.actor("other");
    const before = await rowsOf(other.project);
    const putBack = planRewinding(scene, other);
    other.workers.start({ kind: "restore" });
    await other.clockwork.drive();
    await putBack();
    await other.clockwork.drive();
    await other.clockwork.succeed({ kind: "restore" });
    await holds(
      "target_kept",
      async () => assert.deepEqual(await rowsOf(other.project), before),
    );
  },
  /**
   * What a lane put after the database was put back under it looks like a user's: nobody else knows
   * of it. Its bytes are right, its metadata are left alone, and the restore counts that.
   */
  async check(scene, snapshots) {
    const { project } = await scene.actor("other");
    await checkElsewhere(scene, snapshots, await metadataKeptByLast(project));
  },
};
