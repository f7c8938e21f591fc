import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));

/** Each tells one of the scenarios; a second each, on a machine that does nothing else. */
const SEEDS = "120";
/**
 * Known to hold, so that a failure is of the change that is tested. Others may still break a promise
 * or show a fault of the checks (docs/RELIABILITY.md): those are for `deno task faults`.
 */
const FIRST_SEED = Deno.env.get("HOLDFAST_TEST_FAULTS_SEED") ?? "821532";

Deno.test("whatever dies, sleeps or loses an answer, every promise holds", async () => {
  // In a process of its own: it lets lanes die, which leave timers behind as the dead do.
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-check", MAIN, "--seeds", SEEDS, "--seed", FIRST_SEED],
    stdin: "null",
  }).spawn().status;
  assert.equal(code, 0, "its last lines say which promise, and how to have it broken again");
});
