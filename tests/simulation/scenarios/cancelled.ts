import type { Environment } from "../environment/environment.ts";
import { incremental } from "./incremental.ts";
import type { Scenario } from "./scenario.ts";

/** A backup is cancelled after its first commit. The next backup lists what it copied. */
export const cancelled: Scenario = {
  name: "cancelled",
  setUp: incremental.setUp,
  async act(environment) {
    const { scheduler } = await environment.source;
    await cancelAfterCommit(environment);
    await scheduler.run({ kind: "backup" });
    // A server's fault may have ended it before it was cancelled. The next backup is not cancelled.
    environment.proxy.before = () => Promise.resolve();
    await scheduler.succeed({ kind: "backup" });
  },
};

async function cancelAfterCommit({ proxy, source }: Environment): Promise<void> {
  const { sql } = (await source).project;
  let committed = 0;
  proxy.before = async ({ action }) => {
    if (committed === 1) {
      committed += 1;
      await sql`
        select holdfast_private.cancel_run(id, 'test') from holdfast_private.runs where state = 'running'`;
    }
    if (action === "backup_commit" && committed === 0) committed += 1;
  };
}
