import assert from "node:assert/strict";
import { parseSchedule, startOfMinute } from "../../../../stack/postgres/cron_schedule.ts";

function isDue(schedule: string, at: string): boolean {
  const parsed = parseSchedule(schedule);
  assert(parsed.kind === "minutes");
  return parsed.isDue(new Date(at));
}

Deno.test("a schedule is due in its minutes in GMT", () => {
  const cases: [schedule: string, at: string, due: boolean][] = [
    ["* * * * *", "2026-03-01T00:00:00Z", true],
    ["0 2 * * *", "2026-03-01T02:00:59Z", true],
    ["0 2 * * *", "2026-03-01T02:00:00+01:00", false],
    ["0 2 * * *", "2026-03-01T02:01:00Z", false],
    ["*/15 0-6,20 * * *", "2026-03-01T20:45:00Z", true],
    ["*/15 0-6,20 * * *", "2026-03-01T07:45:00Z", false],
    ["0 0 * jan-mar mon", "2026-03-02T00:00:00Z", true],
    ["0 0 * jan-mar mon", "2026-04-06T00:00:00Z", false],
    ["0 0 * * 7", "2026-03-01T00:00:00Z", true],
    ["0 0 * * 0", "2026-03-01T00:00:00Z", true],
    ["0 0 $ * *", "2026-02-28T00:00:00Z", true],
    ["0 0 $ * *", "2024-02-28T00:00:00Z", false],
    ["@hourly", "2026-03-01T05:00:00Z", true],
    ["@daily", "2026-03-01T05:00:00Z", false],
  ];
  for (const [schedule, at, due] of cases) {
    assert.equal(isDue(schedule, at), due, `${schedule} at ${at}`);
  }
});

Deno.test("with two day fields either matches; with a star in one, both must match", () => {
  const monday = "2026-03-02T00:00:00Z";
  const fifteenth = "2026-03-15T00:00:00Z";
  const oddMonday = "2026-03-09T00:00:00Z";
  assert.deepEqual([monday, fifteenth].map((at) => isDue("0 0 15 * 1", at)), [true, true]);
  assert.deepEqual([monday, oddMonday].map((at) => isDue("0 0 */2 * 1", at)), [false, true]);
});

Deno.test("an interval of seconds is not a minute schedule", () => {
  assert.deepEqual(parseSchedule("30 seconds"), { kind: "seconds", seconds: 30 });
  assert.deepEqual(parseSchedule("1 second"), { kind: "seconds", seconds: 1 });
  for (const schedule of ["60 seconds", "* * * *", "0 0 2 * * *", ""]) {
    assert.throws(() => parseSchedule(schedule), TypeError, schedule);
  }
});

Deno.test("a minute begins at its first second", () => {
  const minute = startOfMinute(new Date("2026-03-01T02:03:59.999Z"));
  assert.equal(minute.toISOString(), "2026-03-01T02:03:00.000Z");
});
