import assert from "node:assert/strict";
import type { Group } from "../../run/groups.ts";
import { runGroups } from "../../run/run_groups.ts";

Deno.test("a group beside another one waits for nobody, and its output is told after all", async () => {
  const folder = await Deno.makeTempDir();
  const printed: string[] = [];
  const { log } = console;
  console.log = (text: string) => printed.push(text);
  try {
    // Each of the two waits until the other one has begun.
    const groups: Group[] = ["first", "second"].map((name) => ({
      name,
      paths: ["unit/run/fixtures/meeting.ts"],
      deno: "current",
      environment: { HOLDFAST_TEST_MEETING: folder },
      ...(name === "first" && { beside: true }),
    }));
    const runs = await runGroups(groups, {}, ["--quiet"], new AbortController().signal);
    const counts = [...runs].map(([name, run]) => [name, run.counts.passed, run.counts.failed]);
    assert.deepEqual(counts.sort(), [["first", 1, 0], ["second", 1, 0]]);
    assert.match(runs.get("first")!.printed, /has begun/);
    assert.equal(runs.get("second")!.printed, "");
    assert.match(printed.at(-1)!, /=== first printed\n[^]*has begun/);
  } finally {
    console.log = log;
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a group whose servers can't start is one failure, and the others run", async () => {
  const meeting = await Deno.makeTempDir();
  const { error } = console;
  console.error = () => undefined;
  try {
    // It has company in the folder already.
    await Deno.writeTextFile(`${meeting}/somebody`, "");
    const groups: Group[] = [
      { name: "broken", paths: ["unit/run"], deno: "current", stack: "pg_cron", beside: true },
      {
        name: "well",
        paths: ["unit/run/fixtures/meeting.ts"],
        deno: "current",
        environment: { HOLDFAST_TEST_MEETING: meeting },
      },
    ];
    const parts = { pg_cron: `${meeting}/no-postgres-here` };
    const runs = await runGroups(groups, parts, ["--quiet"], new AbortController().signal);
    const counts = [...runs].map(([name, run]) => [name, run.counts.passed, run.counts.failed]);
    assert.deepEqual(counts.sort(), [["broken", 0, 1], ["well", 1, 0]]);
  } finally {
    console.error = error;
    await Deno.remove(meeting, { recursive: true });
  }
});

Deno.test("a group that needs the machine for itself waits for the second row", async () => {
  const begun: string[] = [];
  const { log } = console;
  console.log = (text: string) =>
    begun.push(...text.matchAll(/=== (\w+)(?=:|,|$)/g).map(([, name]) => name!));
  try {
    const row = (name: string, rest: Partial<Group>): Group => ({
      name,
      paths: ["unit/run/fixtures/short.ts"],
      deno: "current",
      ...rest,
    });
    const groups = [
      row("beside", { beside: true }),
      row("next", { beside: true }),
      row("alone", { alone: true }),
      row("last", {}),
    ];
    await runGroups(groups, {}, ["--quiet"], new AbortController().signal);
  } finally {
    console.log = log;
  }
  // Each is named as it begins and as it ends.
  assert.deepEqual(begun, ["beside", "beside", "next", "next", "alone", "alone", "last", "last"]);
});
