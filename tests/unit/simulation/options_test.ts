import assert from "node:assert/strict";
import { readOptions } from "../../simulation/run/options.ts";
import { SCENARIOS } from "../../simulation/scenarios/mod.ts";

const known = { scenarios: SCENARIOS, mutants: ["fence_dropped"] };

Deno.test("without arguments some seeds run, from a new first one each time", () => {
  const options = readOptions([], known, () => 0.5);
  assert.equal(options.seed, 500_000);
  assert.ok(options.seeds > 0);
  assert.deepEqual(options.scenarios, SCENARIOS);
  assert.deepEqual(options.mutants, []);
});

Deno.test("a seed, a scenario and a fault can be named", () => {
  const args = ["--seed", "7", "--seeds", "1", "--scenario", "large"];
  const options = readOptions([...args, "--step", "3", "--way", "die_after"], known);
  assert.equal(options.seed, 7);
  assert.equal(options.seeds, 1);
  assert.deepEqual(options.scenarios.map(({ name }) => name), ["large"]);
  assert.deepEqual(options.fault, { step: 3, faultName: "die_after" });
});

Deno.test("a process gets its share of the steps", () => {
  assert.deepEqual(readOptions([], known).share, { index: 0, of: 1 });
  assert.deepEqual(readOptions(["--share", "1/3"], known).share, { index: 1, of: 3 });
  for (const share of ["2/2", "1", "a/b", "1/0"]) {
    assert.throws(() => readOptions(["--share", share], known), TypeError, share);
  }
});

Deno.test("unknown names are refused with a list of the known ones", () => {
  assert.throws(() => readOptions(["--scenario", "none"], known), /there are first_backup/);
  assert.throws(() => readOptions(["--mutant", "none"], known), /there are fence_dropped/);
  assert.throws(() => readOptions(["--step", "3"], known), TypeError);
  assert.throws(() => readOptions(["--step", "3", "--way", "explode"], known), /die_before/);
  assert.throws(() => readOptions(["--seeds", "many"], known), TypeError);
  assert.throws(() => readOptions(["--sead", "1"], known), TypeError);
});
