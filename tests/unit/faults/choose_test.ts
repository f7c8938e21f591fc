import assert from "node:assert/strict";
import { faultsOf } from "../../faults/alphabet/pairs.ts";
import { kindOf } from "../../faults/door/kinds.ts";
import { isLaneFault, type Step, type Way, WAYS } from "../../faults/door/step.ts";
import { chooseOptions, choosePoint, chooseScenario } from "../../faults/run/choose.ts";
import { SCENARIOS } from "../../faults/scenarios/mod.ts";

const ACTIONS = [
  "sql lease_cursor",
  "sql commit",
  "sql commit",
  "s3 PUT /a",
  "s3 GET /b?list-type=2",
  "s3 DELETE /b?uploadId=1",
  "storage GET /b",
];

const steps = ACTIONS.map((text, index): Step => {
  const party = text.split(" ")[0] as Step["party"];
  const action = text.slice(text.indexOf(" ") + 1);
  return { number: index + 1, lane: 1, party, action, kind: kindOf(party, action) };
});

Deno.test("what goes wrong follows from the seed alone", () => {
  for (let seed = 0; seed < 50; seed++) {
    assert.deepEqual(choosePoint(seed, steps, true), choosePoint(seed, steps, true));
    assert.deepEqual(choosePoint(seed, steps, true).options, chooseOptions(seed));
    assert.deepEqual(chooseScenario(seed, SCENARIOS), chooseScenario(seed, SCENARIOS));
  }
});

Deno.test("every step and every way is met, each kind of request about as often", () => {
  const kinds = new Map<string, number>();
  const numbers = new Set<number>();
  const ways = new Set<string>();
  for (let seed = 0; seed < 1200; seed++) {
    const [{ step, way }] = choosePoint(seed, steps, true).faults as [{ step: number; way: Way }];
    const { kind } = steps[step - 1]!;
    assert.ok(isLaneFault(way) || faultsOf(kind).some((fault) => fault === way), `${way} ${kind}`);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    numbers.add(step);
    ways.add(way);
  }
  assert.equal(numbers.size, steps.length);
  assert.equal(ways.size, WAYS.length);
  for (const [kind, count] of kinds) assert.ok(count > 120, `${kind}: ${count}`);
});

Deno.test("every scenario is told in good weather and in bad", () => {
  const told = new Set<string>();
  for (let seed = 0; seed < 1200; seed++) {
    const { scenario: { name }, badWeather } = chooseScenario(seed, SCENARIOS);
    told.add(`${name} ${badWeather}`);
  }
  assert.equal(told.size, 2 * SCENARIOS.length);
});
