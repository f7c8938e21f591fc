import type { Scene } from "../world/scene.ts";
import { incremental } from "./incremental.ts";
import type { Scenario } from "./scenario.ts";

/** A backup that is cancelled once it has committed something; the next lists what it copied. */
export const cancelled: Scenario = {
  name: "cancelled",
  given: incremental.given,
  async act(scene) {
    const { clockwork } = await scene.source;
    await cancelAfterCommit(scene);
    await clockwork.run({ kind: "backup" });
    // A server's fault may have ended it before it was cancelled; the next one is not to be.
    scene.door.before = () => Promise.resolve();
    await clockwork.succeed({ kind: "backup" });
  },
};

async function cancelAfterCommit({ door, source }: Scene): Promise<void> {
  const { sql } = (await source).project;
  let committed = 0;
  door.before = async ({ action }) => {
    if (committed === 1) {
      committed += 1;
      await sql`
        select holdfast_private.cancel_run(id, 'test') from holdfast_private.runs where state = 'running'`;
    }
    if (action === "backup_commit" && committed === 0) committed += 1;
  };
}
