import assert from "node:assert/strict";
import { runChecks } from "../../../../tools/check/check.ts";

Deno.test("each check has one line with its faults below, and the last line has the counts", async () => {
  const lines: string[] = [];
  const checks = [
    { name: "good", run: () => Promise.resolve([]) },
    { name: "bad", run: () => Promise.resolve(["one\nof two lines", "two"]) },
  ];
  const repository = { path: "", scratch: "" };
  assert.equal(await runChecks(checks, repository, (line) => lines.push(line)), 1);
  assert.deepEqual(lines, [
    "ok    good",
    "FAIL  bad",
    "      one\n      of two lines",
    "      two",
    "1 of 2 checks failed; see FAIL above",
  ]);
  assert.equal(await runChecks(checks.slice(0, 1), repository, (line) => lines.push(line)), 0);
  assert.equal(lines.at(-1), "1 checks passed");
});
