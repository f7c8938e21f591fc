import { fillSource } from "./first_backup.ts";
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
  },
};
