import assert from "node:assert/strict";
import fc from "fast-check";
import { AddError } from "../../../../tools/add/errors.ts";
import { allocateTimes } from "../../../../tools/add/times.ts";

const NOW = new Date("2026-11-21T23:59:58.900Z");

Deno.test("times begin now where nothing is later, one second apart", () => {
  const times = ["20261121235958", "20261121235959", "20261122000000"];
  assert.deepEqual(allocateTimes([], 3, NOW), times);
  assert.deepEqual(allocateTimes(["20200101000000", "20261121235957"], 3, NOW), times);
});

Deno.test("times follow the newest migration, also one from the future", () => {
  const present = ["20301231235959", "20200101000000"];
  assert.deepEqual(allocateTimes(present, 2, NOW), ["20310101000000", "20310101000001"]);
  assert.deepEqual(allocateTimes(["20261121235958"], 1, NOW), ["20261121235959"]);
});

Deno.test("versions of another length or without meaning are followed too", () => {
  const after = (version: string) => allocateTimes([version], 1, NOW)[0]!;
  assert.equal(after("0001"), "20261121235958");
  assert.equal(after("20270101"), "20270105044040", "a day sorts after each of its times");
  assert.equal(after("20270131235959123"), "20270201000000");
  assert.equal(after("20270230000000"), "20270302000001");
  assert.equal(after("20270000000000"), "20270101000001");
});

Deno.test("a version that leaves no later time is refused by name", () => {
  for (const version of ["99999999999999", "9", "99991231235959"]) {
    assert.throws(
      () => allocateTimes([version], 1, NOW),
      (error) => error instanceof AddError && error.code === "no_later_time",
    );
  }
});

/** Versions as people write them: full times, days, counters, nonsense. */
const version = fc.oneof(
  fc.date({ min: new Date(0), max: new Date("9000-01-01"), noInvalidDate: true })
    .map((date) => date.toISOString().replace(/\D/g, "").slice(0, 14)),
  fc.stringMatching(/^[0-8][0-9]{0,19}$/),
);

Deno.test("whatever is there, new times are real, ascending, and after it in both orders", () => {
  fc.assert(
    fc.property(
      fc.array(version, { maxLength: 50 }),
      fc.integer({ min: 1, max: 100 }),
      fc.date({ min: new Date("2026-01-01"), max: new Date("2100-01-01"), noInvalidDate: true }),
      (present, count, now) => {
        const times = allocateTimes(present, count, now);
        assert.equal(times.length, count);
        let before = now.getTime() - 1000;
        for (const time of times) {
          const iso = toIso(time);
          const at = Date.parse(iso);
          assert.equal(new Date(at).toISOString(), iso, `${time} is a real time`);
          assert.ok(at > before, `${time} is later than the one before, and not before now`);
          if (time !== times[0]) assert.equal(at - before, 1000);
          before = at;
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

function toIso(time: string): string {
  const part = (from: number, length = 2) => time.slice(from, from + length);
  return `${part(0, 4)}-${part(4)}-${part(6)}T${part(8)}:${part(10)}:${part(12)}.000Z`;
}
