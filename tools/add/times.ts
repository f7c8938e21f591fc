import { AddError } from "./errors.ts";

/** Digits of a migration's time: YYYYMMDDHHMMSS, UTC. */
const TIME_DIGITS = 14;

/**
 * Times for new migrations: UTC, one second apart, none before now, and all after every migration
 * that is there, in each of the orders in which the Supabase CLI meets them (by version and by file
 * name; the two differ where a version is shorter or longer than 14 digits).
 *
 * @param present versions in the folder: digits, of any length
 * @throws AddError `no_later_time` where a version leaves none, such as `99999999999999`
 */
export function allocateTimes(present: string[], count: number, now: Date): string[] {
  const newest = present.map(lastTimeOf).reduce((one, other) => one > other ? one : other, "");
  const after = newest === "" ? 0 : endOf(newest) + 1000;
  const first = Math.max(after, Math.floor(now.getTime() / 1000) * 1000);
  const times = Array.from({ length: count }, (_, index) => timeOf(first + index * 1000));
  // Date reads a year below 100 as one of the 20th century, and ends at year 275760.
  if (times.some((time) => time.length !== TIME_DIGITS || time <= newest)) {
    throw new AddError(
      "no_later_time",
      `supabase/migrations has ${newest}…, and no 14-digit time is later than that.\n` +
        "Rename that migration to the time when it was written, and run this again.",
    );
  }
  return times;
}

/** The latest 14 digits that a version may stand for: `20270101` sorts after all times of its day. */
function lastTimeOf(version: string): string {
  return version.slice(0, TIME_DIGITS).padEnd(TIME_DIGITS, "9");
}

/** Milliseconds of the first real time that is not before these digits, which need not be one. */
function endOf(digits: string): number {
  const [year, month, day, hour, minute, second] = [
    digits.slice(0, 4),
    digits.slice(4, 6),
    digits.slice(6, 8),
    digits.slice(8, 10),
    digits.slice(10, 12),
    digits.slice(12, 14),
  ].map(Number) as [number, number, number, number, number, number];
  // Too large a field carries over, to a later time; one of 0 would go back.
  return Date.UTC(year, Math.max(month, 1) - 1, Math.max(day, 1), hour, minute, second);
}

function timeOf(milliseconds: number): string {
  const date = new Date(milliseconds);
  if (Number.isNaN(date.getTime())) return "";
  return date.toISOString().replace(/\.\d+Z$/, "").replace(/[^0-9+]/g, "");
}
