import { AddError } from "./errors.ts";

/** Digits of a migration's time: YYYYMMDDHHMMSS, UTC. */
const TIME_DIGITS = 14;

/**
 * Seconds of the times that are given: `supabase migration new` takes the clock's, 00 to 59, so none
 * of a project's own migrations, on whatever branch, can have such a time. The CLI compares versions
 * as texts; it shows one that is no time of the clock as it stands there.
 */
const FIRST_SECOND = 60;
const LAST_SECOND = 99;

const MINUTE = 60_000;

/** A time that is given: a minute of the clock, in milliseconds, and a second past its end. */
interface Slot {
  minute: number;
  second: number;
}

/**
 * Times for new migrations: UTC, of the minute that has just passed, so that what a project makes
 * from now on comes after them; and all after every migration that is there, in each of the orders
 * in which the Supabase CLI meets them (by version and by file name; the two differ where a version
 * is shorter or longer than 14 digits).
 *
 * @param present versions in the folder: digits, of any length
 * @throws AddError `no_later_time` where a version leaves none, such as `99999999999999`
 */
export function allocateTimes(present: string[], count: number, now: Date): string[] {
  const newest = newestOf(present);
  const passed = {
    minute: Math.floor(now.getTime() / MINUTE) * MINUTE - MINUTE,
    second: FIRST_SECOND,
  };
  let slot = newest === "" ? passed : later(passed, slotAfter(newest));
  const times: string[] = [];
  while (times.length < count) {
    times.push(format(slot));
    slot = next(slot);
  }
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

/** Whether one of these versions is later than the clock. */
export function areInFuture(present: string[], now: Date): boolean {
  return newestOf(present) > digitsOf(now.getTime());
}

function newestOf(present: string[]): string {
  return present.map(lastTimeOf).reduce((one, other) => one > other ? one : other, "");
}

/** The latest 14 digits that a version may stand for: `20270101` sorts after all times of its day. */
function lastTimeOf(version: string): string {
  return version.slice(0, TIME_DIGITS).padEnd(TIME_DIGITS, "9");
}

/** The first slot after these digits, which need not be a time of the clock. */
function slotAfter(digits: string): Slot {
  const [year, month, day, hour, minute] = [
    digits.slice(0, 4),
    digits.slice(4, 6),
    digits.slice(6, 8),
    digits.slice(8, 10),
    digits.slice(10, 12),
  ].map(Number) as [number, number, number, number, number];
  // Too large a field carries over, to a later time; one of 0 would go back.
  const at = Date.UTC(year, Math.max(month, 1) - 1, Math.max(day, 1), hour, minute);
  if (digitsOf(at).slice(0, 12) !== digits.slice(0, 12)) {
    return { minute: at, second: FIRST_SECOND };
  }
  const second = Number(digits.slice(12));
  return next({ minute: at, second: Math.max(second, FIRST_SECOND - 1) });
}

function next({ minute, second }: Slot): Slot {
  return second < LAST_SECOND
    ? { minute, second: second + 1 }
    : { minute: minute + MINUTE, second: FIRST_SECOND };
}

function later(one: Slot, other: Slot): Slot {
  return one.minute > other.minute ||
      (one.minute === other.minute && one.second > other.second)
    ? one
    : other;
}

function format({ minute, second }: Slot): string {
  return digitsOf(minute).slice(0, -2) + second;
}

function digitsOf(milliseconds: number): string {
  const date = new Date(milliseconds);
  if (Number.isNaN(date.getTime())) return "";
  return date.toISOString().replace(/\.\d+Z$/, "").replace(/[^0-9+]/g, "");
}
