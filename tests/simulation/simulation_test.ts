import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));

/** So many that each fault has to meet each kind of request often enough. */
const SEEDS = "300";
/** One more than cores: each process waits for its PostgreSQL a quarter of its time. */
const JOBS = navigator.hardwareConcurrency + 1;
/** The same in each run, so that what fails is the change that is tested; others are for the nights. */
const FIRST_SEED = Deno.env.get("HOLDFAST_TEST_FAULTS_SEED") ?? "821532";

Deno.test("whatever dies, sleeps or loses an answer, every promise holds", async () => {
  // In a process of its own: it lets lanes die, which leave timers behind as the dead do.
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--allow-all", "--no-check", MAIN],
      ...["--seeds", SEEDS, "--seed", FIRST_SEED, "--jobs", String(JOBS)],
    ],
    stdin: "null",
  }).spawn().status;
  assert.equal(code, 0, "its last lines say which promise, and how to have it broken again");
});
