import { Cron } from "croner";

/** A job's schedule: minutes of the clock, or an interval in seconds since its last start. */
export type CronSchedule =
  | { kind: "minutes"; isDue(minute: Date): boolean }
  | { kind: "seconds"; seconds: number };

/**
 * Parses a schedule as pg_cron does: five fields in GMT with `$` for a month's last day, a nickname
 * like `@hourly`, or `[1-59] seconds`.
 *
 * @throws TypeError if it is none of these.
 */
export function parseSchedule(text: string): CronSchedule {
  const interval = /^\s*([1-9]|[1-5]\d)\s+seconds?\s*$/i.exec(text);
  if (interval) return { kind: "seconds", seconds: Number(interval[1]) };
  const cron = new Cron(toCroner(text), { paused: true, timezone: "UTC", ...dayRule(text) });
  return { kind: "minutes", isDue: (minute) => cron.match(startOfMinute(minute)) };
}

/** The start of the minute of `date`. */
export function startOfMinute(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 60_000) * 60_000);
}

function toCroner(text: string): string {
  const fields = text.trim().split(/\s+/);
  if (fields[0].startsWith("@")) return fields.join(" ");
  if (fields.length !== 5) throw new TypeError(`invalid schedule: ${text}`);
  if (fields[2] === "$") fields[2] = "L";
  return fields.join(" ");
}

/**
 * If day of month and day of week are both restricted, one match is enough. If one of the fields
 * begins with `*`, both must match. pg_cron inherits this rule from Vixie's cron.
 */
function dayRule(text: string): { domAndDow: boolean } {
  const [, , dayOfMonth = "", , dayOfWeek = ""] = text.trim().split(/\s+/);
  return { domAndDow: dayOfMonth.startsWith("*") || dayOfWeek.startsWith("*") };
}
