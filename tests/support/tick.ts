import { eventually } from "./eventually.ts";
import type { TestProject } from "./project.ts";

/** A busy machine takes so long for what is quick on an idle one. */
const PATIENCE_SECONDS = 300;

/** Schedules backups at a time that a test never meets, so that there is a tick to fire. */
export async function schedule(project: TestProject): Promise<void> {
  await project.sql`select holdfast.schedule('0 0 29 2 *', ${project.url})`;
}

/** Lets a minute pass, as far as the tick is concerned: all that it posts is sent and answered. */
export async function tick(project: TestProject): Promise<void> {
  await project.client.fireCron("holdfast housekeeping");
  await project.client.fireCron("holdfast tick");
  await project.client.drainNet();
}

/** Lets every lease run out, as it would a minute after its worker died. */
export async function expireLeases(project: TestProject): Promise<void> {
  await project.sql`
    update holdfast_private.cursors set lease_expires_at = clock_timestamp() - interval '1 second'
    where lease_expires_at is not null`;
}

/**
 * Lets a minute pass again and again, where a worker died or a post was lost, until the run has
 * ended. No worker is under way when its lease runs out.
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
  }, PATIENCE_SECONDS);
}
