import { AddError } from "./errors.ts";

/** Digits of a migration's time: YYYYMMDDHHMMSS, UTC. */
const TIME_DIGITS = 14;

/**
 * First value for the seconds of allocated times. `supabase migration new` uses the clock's
 * seconds, 00 to 59, so no migration of the project can have the same time, on any branch. The CLI
 * accepts such times: it compares versions as texts and prints an invalid time unchanged.
 */
const FIRST_SECOND = 60;
const LAST_SECOND = 99;

const MINUTE = 60_000;

/**
 * An allocated time: a minute of the clock, in milliseconds, and a value of 60 or more for seconds.
 */
interface Slot {
  minute: number;
  second: number;
}

/**
 * Allocates times for new migrations. They are in UTC and in the previous minute, so that later
 * migrations of the project come after them. They also come after every existing migration, both in
 * the order of versions and in the order of file names. The Supabase CLI uses both orders, which
 * differ if a version is shorter or longer than 14 digits.
 *
 * @param present versions in the folder: digits, of any length
 * @throws AddError `no_later_time` if no later time exists, as after `99999999999999`
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
  // Date reads a year below 100 as a year of the 20th century, and has no years after 275760.
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

/** The latest 14 digits that a version stands for: `20270101` sorts after all times of that day. */
function lastTimeOf(version: string): string {
  return version.slice(0, TIME_DIGITS).padEnd(TIME_DIGITS, "9");
}

/** The first slot after these digits, which may be an invalid time. */
function slotAfter(digits: string): Slot {
  const [year, month, day, hour, minute] = [
    digits.slice(0, 4),
    digits.slice(4, 6),
    digits.slice(6, 8),
    digits.slice(8, 10),
    digits.slice(10, 12),
  ].map(Number) as [number, number, number, number, number];
  // A field above its range gives a later time, which is safe. A 0 would give an earlier one.
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
