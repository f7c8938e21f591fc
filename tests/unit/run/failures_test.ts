import assert from "node:assert/strict";
import { failuresOfReport, formatFailures } from "../../run/failures.ts";

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="4" failures="2" errors="0" time="0.009">
    <testsuite name="./a_test.ts" tests="3" disabled="0" errors="0" failures="2">
        <testcase name="is &lt;wrong&gt;" classname="./a_test.ts" time="0.002" line="1" col="6">
            <failure message="Uncaught Error: 1 &lt; 0">Error: 1 &lt; 0
    at file:///a_test.ts:1:46</failure>
        </testcase>
        <testcase name="right" classname="./a_test.ts" time="0.001" line="2" col="6">
        </testcase>
        <testcase name="steps" classname="./a_test.ts" time="0.001" line="2" col="6">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
    </testsuite>
    <testsuite name="./b_test.ts" tests="1" disabled="0" errors="0" failures="0">
        <testcase name="right" classname="./b_test.ts" time="0.001" line="2" col="6">
        </testcase>
    </testsuite>
</testsuites>`;

Deno.test("a report's failed tests are named, with their messages", () => {
  assert.deepEqual(failuresOfReport(REPORT), [
    { test: "./a_test.ts: is <wrong>", text: "Error: 1 < 0\n    at file:///a_test.ts:1:46" },
    { test: "./a_test.ts: steps", text: "1 test step failed." },
  ]);
  assert.deepEqual(failuresOfReport("<testsuites></testsuites>"), []);
});

Deno.test("the output ends with the failed tests, and is empty without failures", () => {
  const text = Array.from({ length: 42 }, (_, line) => `line ${line}`).join("\n");
  const shown = formatFailures(new Map([["unit", []], ["e2e", [{ test: "a: b", text }]]]));
  assert.ok(shown.startsWith("\nFailed:\n\ne2e: a: b\n  line 0\n"));
  assert.ok(shown.endsWith("\n  line 39\n  … 2 more lines\n"));
  assert.equal(formatFailures(new Map([["unit", []]])), "");
});
