import { ok, upload } from "../../support/objects.ts";
import { fillSource } from "./first_backup.ts";
import { movedMeanwhile } from "./moved_meanwhile.ts";
import type { Scenario } from "./scenario.ts";

/**
 * The same with an object that is in no snapshot yet, so that none of its names is found missing.
 */
export const newMovedMeanwhile: Scenario = {
  ...movedMeanwhile,
  name: "new_moved_meanwhile",
  async setUp(environment) {
    await fillSource(environment);
    const { project, scheduler } = await environment.source;
    await ok(project.storage.from("two").remove(["z"]));
    await scheduler.succeed({ kind: "backup" });
    await upload(project, "two", "z", "new since then");
  },
};
