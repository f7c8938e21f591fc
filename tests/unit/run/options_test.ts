import assert from "node:assert/strict";
import { GROUPS } from "../../run/groups.ts";
import { readOptions, usage } from "../../run/options.ts";

Deno.test("words and options are read, and arguments after -- are passed on", () => {
  assert.deepEqual(readOptions(["unit", "--nightly", "logic", "--", "--filter", "a"]), {
    words: ["unit", "logic"],
    nightly: true,
    help: false,
    passedOn: ["--filter", "a"],
  });
  assert.equal(readOptions(["-h"]).help, true);
});

Deno.test("an option that does not exist is refused with the usage", () => {
  assert.throws(() => readOptions(["--nigthly"]), /nigthly[^]*--nightly/);
});

Deno.test("the usage names every group", () => {
  for (const { name, about } of GROUPS) {
    assert.ok(usage().includes(`${name} `) && usage().includes(about));
  }
});
