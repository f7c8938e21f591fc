import assert from "node:assert/strict";
import { faultsOf, PAIRS } from "../../simulation/fault_catalogue/pairs.ts";
import { KINDS } from "../../simulation/proxy/request_kinds.ts";
import type { Step } from "../../simulation/proxy/step.ts";
import { focusOf, groupByFocus } from "../../simulation/run/focus_groups.ts";
import { RandomFaults } from "../../simulation/run/random_faults.ts";
import { WantedPairs } from "../../simulation/run/wanted_pairs.ts";
import { SCENARIOS } from "../../simulation/scenarios/mod.ts";

const step = (number: number): Step => ({
  number,
  worker: 1,
  party: "s3",
  action: "",
  kind: "s3 PUT",
});

Deno.test("the text of wanted pairs gives the same pairs again", () => {
  const kinds = ["s3 PUT", "s3 LIST", "sql"] as const;
  const wanted = new WantedPairs(kinds, (fault, kind) => kind === "s3 PUT" ? fault.length : 7);
  const again = WantedPairs.parse(wanted.toString());
  for (const { fault, kind } of PAIRS) assert.equal(again.of(fault, kind), wanted.of(fault, kind));
  assert.deepEqual(again.kinds, ["s3 LIST", "s3 PUT", "sql"]);
  for (const text of ["", "9", "99:1", "9:12", "9:-"]) {
    assert.throws(() => WantedPairs.parse(text), TypeError, text);
  }
});

Deno.test("a steered run injects the rarest pairs first and stops when none is wanted", () => {
  const wanted = new WantedPairs(
    ["s3 PUT"],
    (fault) => ({ reset: 5, redirect: 2 })[fault as string] ?? 0,
  );
  const run = () => {
    const faults = new RandomFaults(3, wanted.kinds, wanted);
    const injected = Array.from({ length: 50 }, (_, number) => faults.next(step(number)));
    return { injected: injected.filter((fault) => fault !== undefined), hasMore: faults.hasMore };
  };
  const { injected, hasMore } = run();
  assert.deepEqual(injected.slice(0, 3), ["reset", "reset", "reset"]);
  assert.deepEqual(injected.toSorted(), [...Array(2).fill("redirect"), ...Array(5).fill("reset")]);
  assert.ok(!hasMore);
  assert.deepEqual(run().injected, injected);
});

Deno.test("each kind of request is in the focus of one group of scenarios", () => {
  for (const jobs of [1, 2, 3, 8]) {
    const groups = groupByFocus(SCENARIOS, jobs);
    assert.ok(groups.length <= jobs);
    assert.deepEqual(new Set(groups.flat()), new Set(SCENARIOS));
    const kinds = groups.flatMap((group) => focusOf(group));
    assert.equal(new Set(kinds).size, kinds.length);
  }
});

Deno.test("every pair is in the focus of a scenario", () => {
  assert.deepEqual(focusOf(SCENARIOS), KINDS);
  assert.equal(PAIRS.length, KINDS.flatMap(faultsOf).length);
});
