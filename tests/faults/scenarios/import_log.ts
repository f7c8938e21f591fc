import { incremental } from "./incremental.ts";
import type { Scenario } from "./scenario.ts";

/** Another project reads the repository's log and takes the repository over. */
export const importLog: Scenario = {
  name: "import_log",
  subject: "other",
  restores: true,
  async given(scene) {
    await incremental.given(scene);
    await (await scene.source).clockwork.succeed({ kind: "backup" });
    await scene.actor("other");
  },
  async act(scene) {
    const { clockwork } = await scene.actor("other");
    await clockwork.succeed({ kind: "import", takeOver: true });
    await clockwork.succeed({ kind: "restore" });
    await clockwork.succeed({ kind: "backup" });
  },
};
