import { fillSource } from "./first_backup.ts";
import type { Environment } from "../environment/environment.ts";
import type { Scenario } from "./scenario.ts";

/** The schedule comes due twice, the second time while the first backup is on, and ticks come double. */
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
    // Where the repository can't be had, a run fails at its very beginning: the next due one does it.
    if (await isUnwell(environment)) await scheduler.succeed({ kind: "backup" });
  },
};

/** Whether nothing was sealed, for what a server did. */
async function isUnwell({ proxy, source }: Environment): Promise<boolean> {
  const { project } = await source;
  return proxy.hadServerFault && (await project.reader.snapshotIds()).length === 0;
}
