import assert from "node:assert/strict";
import fc from "fast-check";
import { AddError } from "../../../../cli/add/errors.ts";
import { allocateTimes, areInFuture } from "../../../../cli/add/times.ts";

const NOW = new Date("2026-11-21T23:59:58.900Z");

Deno.test("times are of the previous minute, with seconds above 59", () => {
  const times = ["20261121235860", "20261121235861", "20261121235862"];
  assert.deepEqual(allocateTimes([], 3, NOW), times);
  assert.deepEqual(allocateTimes(["20200101000000", "20261121235859"], 3, NOW), times);
  const many = allocateTimes([], 41, NOW);
  assert.deepEqual(many.slice(-2), ["20261121235899", "20261121235960"]);
});

Deno.test("times follow the newest migration, also one from the future", () => {
  const present = ["20301231235959", "20200101000000"];
  assert.deepEqual(allocateTimes(present, 2, NOW), ["20301231235960", "20301231235961"]);
  assert.deepEqual(allocateTimes(["20261121235958"], 1, NOW), ["20261121235960"]);
  assert.deepEqual(allocateTimes(["20261121235860"], 1, NOW), ["20261121235861"]);
  assert.deepEqual(allocateTimes(["20261121235899"], 1, NOW), ["20261121235960"]);
});

Deno.test("the project's next migration is later, unless it has one of the current minute", () => {
  const own = "20261121235958";
  for (const time of allocateTimes(["20261121235859"], 6, NOW)) assert.ok(time < own);
});

Deno.test("versions of another length or without a valid time are also counted", () => {
  const after = (version: string) => allocateTimes([version], 1, NOW)[0]!;
  assert.equal(after("0001"), "20261121235860");
  assert.equal(after("20270101"), "20270105043960", "a day sorts after each of its times");
  assert.equal(after("20270131235959123"), "20270131235960");
  assert.equal(after("20270230000000"), "20270302000060");
  assert.equal(after("20270000000000"), "20270101000060");
});

Deno.test("a version is in the future only if it is later than the clock", () => {
  assert.equal(areInFuture(["20261121235958", "1"], NOW), false);
  assert.equal(areInFuture(["20261121235959", "1"], NOW), true);
  assert.equal(areInFuture([], NOW), false);
});

Deno.test("a version after which no time exists is refused and named", () => {
  for (const version of ["99999999999999", "9", "99991231235999"]) {
    assert.throws(
      () => allocateTimes([version], 1, NOW),
      (error) => error instanceof AddError && error.code === "no_later_time",
    );
  }
});

/** Versions of real projects: full times, days, counters, arbitrary digits. */
const version = fc.oneof(
  fc.date({ min: new Date(0), max: new Date("9000-01-01"), noInvalidDate: true })
    .map((date) => date.toISOString().replace(/\D/g, "").slice(0, 14)),
  fc.stringMatching(/^[0-8][0-9]{0,19}$/),
);

Deno.test("new times are unused, ascending, and after all existing ones in both orders", () => {
  fc.assert(
    fc.property(
      fc.array(version, { maxLength: 50 }),
      fc.integer({ min: 1, max: 100 }),
      fc.date({ min: new Date("2026-01-01"), max: new Date("2100-01-01"), noInvalidDate: true }),
      (present, count, now) => {
        const times = allocateTimes(present, count, now);
        assert.equal(times.length, count);
        let before = "";
        for (const time of times) {
          const minute = toIso(time);
          const at = Date.parse(minute);
          assert.equal(new Date(at).toISOString(), minute, `${time} is of a real minute`);
          assert.match(time, /^\d{12}[6-9]\d$/, `${time} is no time that a clock shows`);
          assert.ok(
            at > now.getTime() - 120_000,
            `${time} is not before the minute that has passed`,
          );
          assert.ok(time > before, `${time} is later than the one before`);
          before = time;
          for (const other of present) {
            assert.ok(time > other, `${time} is a later version than ${other}`);
            assert.ok(`${time}_a.sql` > `${other}_z.sql`, `${time} sorts after the file ${other}`);
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});

/** The minute of a time. */
function toIso(time: string): string {
  const part = (from: number, length = 2) => time.slice(from, from + length);
  return `${part(0, 4)}-${part(4)}-${part(6)}T${part(8)}:${part(10)}:00.000Z`;
}
