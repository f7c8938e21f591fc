import { ok } from "../../e2e/support/objects.ts";
import { fillSource } from "./first_backup.ts";
import type { Scenario } from "./scenario.ts";

/** An object that is moved, during the sweep, from where the sweep has yet to come to behind it. */
export const movedMeanwhile: Scenario = {
  name: "moved_meanwhile",
  async given(scene) {
    await fillSource(scene);
    await (await scene.source).clockwork.succeed({ kind: "backup" });
  },
  async act(scene) {
    const { project, clockwork } = await scene.source;
    let sweeping = true;
    scene.door.before = async ({ action }) => {
      if (action !== "finish_cursor" || !sweeping) return;
      sweeping = false;
      await ok(project.storage.from("two").move("z", "behind", { destinationBucket: "one" }));
    };
    await clockwork.succeed({ kind: "backup" });
  },
};
