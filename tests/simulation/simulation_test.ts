import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { NIGHTLY_VARIABLE } from "../run/groups.ts";
import { testArguments } from "./run/budget.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));

/** Another first seed than the fixed one. */
const SEED_VARIABLE = "HOLDFAST_TEST_SIMULATION_SEED";

Deno.test("every invariant holds under crashes, delays and server faults", async () => {
  // A process of its own: killed workers leave timers behind, which the test's sanitizers would
  // report.
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--allow-all", "--no-check", MAIN],
      ...testArguments({
        nightly: Deno.env.has(NIGHTLY_VARIABLE),
        seed: Deno.env.get(SEED_VARIABLE),
      }),
    ],
    stdin: "null",
  }).spawn().status;
  assert.equal(
    code,
    0,
    "its last lines name the violated invariant and the command that repeats it",
  );
});
