import { delay } from "../../../stack/delay.ts";
import type { Random } from "../../simulation/run/random.ts";
import type { SoakProject } from "./soak_project.ts";

/** The length of a pg_cron minute in a soak. */
const TICK_MILLISECONDS = 2_000;
/** The shares of ticks that are lost and that run twice. */
const LOST_SHARE = 0.05;
const DOUBLED_SHARE = 0.05;
/** A live worker renews its lease more often than this. */
const SILENT_SECONDS = 25;

/** Simulates time in a project: ticks that may be lost or doubled, leases and pauses that end. */
export class Ticker {
  ticks = 0;
  lost = 0;
  doubled = 0;

  constructor(readonly project: SoakProject, readonly random: Random) {}

  /** Ticks until the signal aborts. */
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

/** Ends pauses and the leases of silent workers early. */
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

/** Whether no function is active. Then every holder of a lease has crashed. */
async function isIdle(idle: Promise<void>): Promise<boolean> {
  const soon = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 0));
  return await Promise.race([idle.then(() => true), soon]);
}

function rest(signal: AbortSignal): Promise<void> {
  return delay(TICK_MILLISECONDS, signal);
}
