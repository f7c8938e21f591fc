import assert from "node:assert/strict";
import { assertInvariant } from "../invariants.ts";
import { planRewinding } from "./rewinding.ts";
import { metadataKeptByLast } from "../checks/restored.ts";
import { checkOtherProject, restoreOtherProject, rowsOf } from "./restore_other_project.ts";
import type { Scenario } from "./scenario.ts";

/**
 * The database of the restored project is saved before one step and restored before a later one. The
 * rows of written objects and the run are lost, their bytes remain. The next restore must repair that.
 */
export const restoreRewound: Scenario = {
  ...restoreOtherProject,
  name: "restore_rewound",
  focus: { ...restoreOtherProject.focus!, weight: 2 },
  async act(environment) {
    const other = await environment.participant("other");
    const before = await rowsOf(other.project);
    const restoreMoment = planRewinding(environment, other);
    other.workers.start({ kind: "restore" });
    await other.scheduler.drive();
    await restoreMoment();
    await other.scheduler.drive();
    await other.scheduler.succeed({ kind: "restore" });
    await assertInvariant(
      "target_kept",
      async () => assert.deepEqual(await rowsOf(other.project), before),
    );
  },
  /**
   * An object that a worker wrote after the database was restored looks like a user's. Its bytes are right,
   * its metadata is kept, and the restore counts it.
   */
  async check(environment, snapshots) {
    const { project } = await environment.participant("other");
    await checkOtherProject(environment, snapshots, await metadataKeptByLast(project));
  },
};
