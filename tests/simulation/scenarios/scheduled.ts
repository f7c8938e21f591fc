import { fillSource } from "./first_backup.ts";
import type { Environment } from "../environment/environment.ts";
import type { Scenario } from "./scenario.ts";

/** The schedule is due twice, the second time during the first backup, and each tick runs twice. */
export const scheduled: Scenario = {
  name: "scheduled",
  async setUp(environment) {
    await fillSource(environment);
    const { project } = await environment.source;
    await project.sql`select holdfast.schedule('0 2 * * *', ${project.url})`;
  },
  async act(environment) {
    const { project, scheduler } = await environment.source;
    for (let due = 0; due < 2; due++) {
      await project.sql`select holdfast.start_scheduled_backup()`;
      await scheduler.tick();
    }
    await scheduler.drive();
    await scheduler.tick();
    await scheduler.drive();
    // If the repository is unavailable, the run fails at its start and the next due backup
    // succeeds.
    if (await failedByServer(environment)) await scheduler.succeed({ kind: "backup" });
  },
};

/** Whether a server's fault prevented every snapshot. */
async function failedByServer({ proxy, source }: Environment): Promise<boolean> {
  const { project } = await source;
  return proxy.hadServerFault && (await project.reader.snapshotIds()).length === 0;
}
