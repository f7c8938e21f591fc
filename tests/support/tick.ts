import { eventually } from "./eventually.ts";
import type { TestProject } from "./project.ts";

/** Time limit for work that is quick on an idle machine and slow on a busy one. */
const TIMEOUT_SECONDS = 300;

/** Schedules backups at a time that tests never reach, so that the tick exists. */
export async function schedule(project: TestProject): Promise<void> {
  await project.sql`select holdfast.schedule('0 0 29 2 *', ${project.url})`;
}

/** Runs one tick and waits until all of its posts are sent and answered. */
export async function tick(project: TestProject): Promise<void> {
  await project.client.fireCron("holdfast housekeeping");
  await project.client.fireCron("holdfast tick");
  await project.client.drainNet();
}

/** Expires every lease, as happens one minute after its worker crashed. */
export async function expireLeases(project: TestProject): Promise<void> {
  await project.sql`
    update holdfast_private.cursors set lease_expires_at = clock_timestamp() - interval '1 second'
    where lease_expires_at is not null`;
}

/**
 * Runs ticks until the run has ended, after a crashed worker or a lost post. No worker is active
 * when its lease expires.
 */
export async function tickToTheEnd(project: TestProject, run: string): Promise<void> {
  await eventually(`the end of run ${run}`, async () => {
    await project.client.drainNet();
    await project.client.functionsIdle();
    const { state } = await project.run(run);
    if (state !== "running" && state !== "sealing") return true;
    await expireLeases(project);
    await tick(project);
    return false;
  }, TIMEOUT_SECONDS);
}
