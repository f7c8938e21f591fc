import { fillSource } from "./first_backup.ts";
import type { Scene } from "../world/scene.ts";
import type { Scenario } from "./scenario.ts";

/** The schedule comes due twice, the second time while the first backup is on, and ticks come double. */
export const scheduled: Scenario = {
  name: "scheduled",
  async given(scene) {
    await fillSource(scene);
    const { project } = await scene.source;
    await project.sql`select holdfast.schedule('0 2 * * *', ${project.url})`;
  },
  async act(scene) {
    const { project, clockwork } = await scene.source;
    for (let due = 0; due < 2; due++) {
      await project.sql`select holdfast.start_scheduled_backup()`;
      await clockwork.tick();
    }
    await clockwork.drive();
    await clockwork.tick();
    await clockwork.drive();
    // Where the repository can't be had, a run fails at its very beginning: the next due one does it.
    if (await isUnwell(scene)) await clockwork.succeed({ kind: "backup" });
  },
};

/** Whether nothing was sealed, for what a server did. */
async function isUnwell({ door, source }: Scene): Promise<boolean> {
  const { project } = await source;
  return door.wasUnwell && (await project.reader.snapshotIds()).length === 0;
}
