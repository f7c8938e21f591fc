import assert from "node:assert/strict";
import { formatJson, formatTable } from "../../bench/report.ts";
import { type Measure, medianWithSpread, reached } from "../../bench/row.ts";

const CPU: Measure = {
  name: "CPU",
  ...medianWithSpread([2.5, 1.5, 2]),
  unit: "times",
  target: { atMost: 2.2 },
};

Deno.test("a measure has the median of its iterations and their least and greatest value", () => {
  assert.equal(CPU.value, 2);
  assert.deepEqual(CPU.spread, { least: 1.5, greatest: 2.5 });
  assert.deepEqual(medianWithSpread([3]), { value: 3 });
});

Deno.test("a target is an upper or a lower limit, and an unmeasured value does not reach it", () => {
  assert.equal(reached(CPU), true);
  assert.equal(reached({ ...CPU, value: 2.3 }), false);
  assert.equal(reached({ ...CPU, target: { atLeast: 2.2 } }), false);
  assert.equal(reached({ name: "CPU", unit: "times", target: { atMost: 1 } }), undefined);
  assert.equal(reached({ name: "cpu", unit: "", failed: true }), false);
});

Deno.test("a line of JSON has name, value, unit, target and ok", () => {
  assert.deepEqual(JSON.parse(formatJson(CPU)), {
    name: "CPU",
    value: 2,
    unit: "times",
    target: "at most 2.2",
    ok: true,
    spread: [1.5, 2.5],
  });
  const missing: Measure = { name: "CPU", unit: "times", note: "rclone is not installed" };
  assert.deepEqual(JSON.parse(formatJson(missing)), {
    name: "CPU",
    value: null,
    unit: "times",
    target: null,
    ok: null,
    note: "rclone is not installed",
  });
});

Deno.test("the table shows reached and missed targets, unmeasured values and failed rows", () => {
  const rows = formatTable([
    CPU,
    { ...CPU, value: 12345.6 },
    { name: "CPU against rclone", unit: "times", note: "rclone is not installed" },
    { name: "memory", unit: "", failed: true, note: "Error: no" },
  ]).split("\n").slice(2);
  assert.deepEqual(rows, [
    "| CPU | 2 times (1.5 to 2.5) | at most 2.2 | yes |  |",
    "| CPU | 12,346 times (1.5 to 2.5) | at most 2.2 | **no** |  |",
    "| CPU against rclone | not measured here |  |  | rclone is not installed |",
    "| memory | failed |  | **no** | Error: no |",
  ]);
});
