import { incremental } from "./incremental.ts";
import type { Scenario } from "./scenario.ts";

/** Another project reads the repository's log and takes the repository over. */
export const importLog: Scenario = {
  name: "import_log",
  subject: "other",
  restores: true,
  async setUp(environment) {
    await incremental.setUp(environment);
    await (await environment.source).scheduler.succeed({ kind: "backup" });
    await environment.participant("other");
  },
  async act(environment) {
    const { scheduler } = await environment.participant("other");
    await scheduler.succeed({ kind: "import", takeOver: true });
    await scheduler.succeed({ kind: "restore" });
    await scheduler.succeed({ kind: "backup" });
  },
};
