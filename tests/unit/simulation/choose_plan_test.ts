import assert from "node:assert/strict";
import { faultsOf } from "../../simulation/fault_catalogue/pairs.ts";
import { kindOf } from "../../simulation/proxy/request_kinds.ts";
import {
  FAULT_NAMES,
  type FaultName,
  isWorkerFault,
  type Step,
} from "../../simulation/proxy/step.ts";
import { chooseOptions, choosePlan, chooseScenario } from "../../simulation/run/choose_plan.ts";
import { SCENARIOS } from "../../simulation/scenarios/mod.ts";

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
  return { number: index + 1, worker: 1, party, action, kind: kindOf(party, action) };
});

Deno.test("a plan follows from the seed alone", () => {
  for (let seed = 0; seed < 50; seed++) {
    assert.deepEqual(choosePlan(seed, steps, true), choosePlan(seed, steps, true));
    assert.deepEqual(choosePlan(seed, steps, true).options, chooseOptions(seed));
    assert.deepEqual(chooseScenario(seed, SCENARIOS), chooseScenario(seed, SCENARIOS));
  }
});

Deno.test("every step and every fault is chosen, each kind of request about as often", () => {
  const kinds = new Map<string, number>();
  const numbers = new Set<number>();
  const faultNames = new Set<string>();
  for (let seed = 0; seed < 1200; seed++) {
    const [{ step, faultName }] = choosePlan(seed, steps, true).faults as [
      { step: number; faultName: FaultName },
    ];
    const { kind } = steps[step - 1]!;
    assert.ok(
      isWorkerFault(faultName) || faultsOf(kind).some((fault) => fault === faultName),
      `${faultName} ${kind}`,
    );
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    numbers.add(step);
    faultNames.add(faultName);
  }
  assert.equal(numbers.size, steps.length);
  assert.equal(faultNames.size, FAULT_NAMES.length);
  for (const [kind, count] of kinds) assert.ok(count > 120, `${kind}: ${count}`);
});

Deno.test("every scenario runs with and without random faults", () => {
  const reported = new Set<string>();
  for (let seed = 0; seed < 1200; seed++) {
    const { scenario: { name }, withRandomFaults } = chooseScenario(seed, SCENARIOS);
    reported.add(`${name} ${withRandomFaults}`);
  }
  assert.equal(reported.size, 2 * SCENARIOS.length);
});
