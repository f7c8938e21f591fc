import assert from "node:assert/strict";
import { kindOf, type Step, WAYS } from "../../faults/door/step.ts";
import { chooseOptions, choosePoint } from "../../faults/run/choose.ts";

const ACTIONS = ["sql lease_cursor", "sql commit", "sql commit", "s3 PUT /a", "storage GET /b"];

const steps = ACTIONS.map((action, index): Step => ({
  number: index + 1,
  lane: 1,
  party: action.split(" ")[0] as Step["party"],
  action: action.slice(action.indexOf(" ") + 1),
}));

Deno.test("what goes wrong follows from the seed alone", () => {
  for (let seed = 0; seed < 50; seed++) {
    assert.deepEqual(choosePoint(seed, steps, true), choosePoint(seed, steps, true));
    assert.deepEqual(choosePoint(seed, steps, true).options, chooseOptions(seed));
  }
});

Deno.test("every step and every way is met, each kind of request about as often", () => {
  const kinds = new Map<string, number>();
  const numbers = new Set<number>();
  const ways = new Set<string>();
  for (let seed = 0; seed < 600; seed++) {
    const [{ step, way }] = choosePoint(seed, steps, true).faults as [
      { step: number; way: string },
    ];
    const kind = kindOf(steps[step - 1]!);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    numbers.add(step);
    ways.add(way);
  }
  assert.equal(numbers.size, steps.length);
  assert.equal(ways.size, WAYS.length);
  for (const [kind, count] of kinds) assert.ok(count > 120, `${kind}: ${count}`);
});
