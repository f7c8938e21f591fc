import assert from "node:assert/strict";
import type { Group } from "../../run/groups.ts";
import { runGroups } from "../../run/run_groups.ts";

const OPTIONS = { passedOn: ["--quiet"], nightly: false };

function group(name: string, rest: Partial<Group> = {}): Group {
  return {
    name,
    about: "a test of the runner",
    paths: ["unit/run/fixtures/short.ts"],
    deno: "current",
    ...rest,
  };
}

Deno.test("groups run one after the other, and each has its own counts", async () => {
  const groups = [group("first"), group("second")];
  const { runs, figures } = await runGroups(groups, {}, OPTIONS, new AbortController().signal);
  assert.deepEqual([...runs].map(([name, { counts }]) => [name, counts.passed, counts.failed]), [
    ["first", 1, 0],
    ["second", 1, 0],
  ]);
  assert.deepEqual(figures.map(({ name }) => name), ["first", "second"]);
  assert.ok(figures.every(({ wallSeconds }) => wallSeconds > 0));
});

Deno.test("a group whose servers can't start is one failure, and the others run", async () => {
  const { error } = console;
  console.error = () => undefined;
  try {
    const groups = [group("broken", { stack: "pg_cron" }), group("second")];
    const parts = { pg_cron: "/no-postgres-here" };
    const { runs } = await runGroups(groups, parts, OPTIONS, new AbortController().signal);
    assert.deepEqual([...runs].map(([name, { counts }]) => [name, counts.passed, counts.failed]), [
      ["broken", 0, 1],
      ["second", 1, 0],
    ]);
  } finally {
    console.error = error;
  }
});

Deno.test("after an interruption no further group begins", async () => {
  const { runs } = await runGroups([group("first")], {}, OPTIONS, AbortSignal.abort());
  assert.equal(runs.size, 0);
});
