import { delay } from "../../stack/delay.ts";
import type { Random } from "../../faults/run/random.ts";
import type { SoakProject } from "./soak_project.ts";

/** The minutes of pg_cron are so short here. */
const TICK_MILLISECONDS = 2_000;
/** Of all ticks, so many never come, and so many come double. */
const LOST_SHARE = 0.05;
const DOUBLED_SHARE = 0.05;
/** A lane that lives prolongs its lease more often than this. */
const SILENT_SECONDS = 25;

/** What passes time in a project: ticks that may be lost or doubled, leases and pauses that end. */
export class Ticker {
  ticks = 0;
  lost = 0;
  doubled = 0;

  constructor(readonly project: SoakProject, readonly random: Random) {}

  /** Ticks until told to stop. */
  async work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#tick();
      await rest(signal);
    }
  }

  async #tick(): Promise<void> {
    await shortenWaits(this.project);
    if (this.random.chance(LOST_SHARE)) return void this.lost++;
    const twice = this.random.chance(DOUBLED_SHARE);
    if (twice) this.doubled++;
    this.ticks++;
    const fire = () =>
      ["holdfast tick" as const, "holdfast housekeeping" as const].map((job) =>
        this.project.fire(job)
      );
    await Promise.all(twice ? [...fire(), ...fire()] : fire());
  }
}

/** Leases of lanes that are silent run out, and pauses end: sooner than they would. */
async function shortenWaits({ sql, functions }: SoakProject): Promise<void> {
  const idle = await isIdle(functions.idle());
  const left = idle ? 3_600 : 60 - SILENT_SECONDS;
  await sql`
    update holdfast_private.cursors set lease_expires_at = clock_timestamp()
    where lease_expires_at > clock_timestamp()
      and lease_expires_at < clock_timestamp() + make_interval(secs => ${left})`;
  await sql`
    update holdfast_private.runs set paused_until = clock_timestamp()
    where paused_until > clock_timestamp()`;
}

/** Whether no function works; then whoever holds a lease is dead. */
async function isIdle(idle: Promise<void>): Promise<boolean> {
  const soon = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 0));
  return await Promise.race([idle.then(() => true), soon]);
}

function rest(signal: AbortSignal): Promise<void> {
  return delay(TICK_MILLISECONDS, signal);
}
