import { ok, upload } from "../../support/objects.ts";
import { fillSource } from "./first_backup.ts";
import { movedMeanwhile } from "./moved_meanwhile.ts";
import type { Scenario } from "./scenario.ts";

/** The same with an object that no snapshot knows yet, so that no name of it is found missing. */
export const newMovedMeanwhile: Scenario = {
  ...movedMeanwhile,
  name: "new_moved_meanwhile",
  async given(scene) {
    await fillSource(scene);
    const { project, clockwork } = await scene.source;
    await ok(project.storage.from("two").remove(["z"]));
    await clockwork.succeed({ kind: "backup" });
    await upload(project, "two", "z", "new since then");
  },
};
