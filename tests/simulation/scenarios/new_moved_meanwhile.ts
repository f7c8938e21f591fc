import { ok, upload } from "../../e2e/support/objects.ts";
import { fillSource } from "./first_backup.ts";
import { movedMeanwhile } from "./moved_meanwhile.ts";
import type { Scenario } from "./scenario.ts";

/** The same with an object that no snapshot knows yet, so that no name of it is found missing. */
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
