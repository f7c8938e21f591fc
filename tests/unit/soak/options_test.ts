import assert from "node:assert/strict";
import { readOptions } from "../../soak/run/options.ts";

Deno.test("without arguments a soak runs ten minutes with 5% faults and a new seed", () => {
  assert.deepEqual(readOptions([], () => 0.5), { minutes: 10, seed: 500_000, faults: 5 });
});

Deno.test("minutes, seed and faults can be set, and other options are refused", () => {
  const args = ["--minutes", "0.5", "--seed", "7", "--faults", "0"];
  assert.deepEqual(readOptions(args), { minutes: 0.5, seed: 7, faults: 0 });
  assert.throws(() => readOptions(["--faults", "21"]), TypeError);
  assert.throws(() => readOptions(["--minutes", "ten"]), TypeError);
  assert.throws(() => readOptions(["--hours", "1"]), TypeError);
});
