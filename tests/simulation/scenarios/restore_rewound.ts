import assert from "node:assert/strict";
import { assertInvariant } from "../invariants.ts";
import { planRewinding } from "./rewinding.ts";
import { metadataKeptByLast } from "../checks/restored.ts";
import { checkOtherProject, restoreOtherProject, rowsOf } from "./restore_other_project.ts";
import type { Scenario } from "./scenario.ts";

/**
 * The database of the project that is restored into is kept before one step and put back before a
 * later one: rows of what was put are gone with the run, and the bytes lie there. The next restore
 * makes it right.
 */
export const restoreRewound: Scenario = {
  ...restoreOtherProject,
  name: "restore_rewound",
  focus: { ...restoreOtherProject.focus!, weight: 2 },
  async act(environment) {
    const other = await environment.participant("other");
    const before = await rowsOf(other.project);
    const putBack = planRewinding(environment, other);
    other.workers.start({ kind: "restore" });
    await other.scheduler.drive();
    await putBack();
    await other.scheduler.drive();
    await other.scheduler.succeed({ kind: "restore" });
    await assertInvariant(
      "target_kept",
      async () => assert.deepEqual(await rowsOf(other.project), before),
    );
  },
  /**
   * What a lane put after the database was put back under it looks like a user's: nobody else knows
   * of it. Its bytes are right, its metadata are left alone, and the restore counts that.
   */
  async check(environment, snapshots) {
    const { project } = await environment.participant("other");
    await checkOtherProject(environment, snapshots, await metadataKeptByLast(project));
  },
};
