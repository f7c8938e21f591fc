import assert from "node:assert/strict";
import { countsOfReport, countsOfRun, formatCounts } from "../../run/counts.ts";

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="9" failures="2" errors="0" time="0.009">
    <testsuite name="./a_test.ts" tests="7" disabled="2" errors="0" failures="2">
        <testcase name="says &lt;testsuite tests=&quot;100&quot;>"></testcase>
    </testsuite>
    <testsuite name="./b_test.ts" tests="2" disabled="0" errors="0" failures="0">
    </testsuite>
</testsuites>`;

Deno.test("the counts of a report's suites are summed", () => {
  assert.deepEqual(countsOfReport(REPORT), { passed: 5, failed: 2, skipped: 2 });
});

Deno.test("a process that fails without a failed test counts as a failure", () => {
  const suite = `<testsuite name="a" tests="3" disabled="0" errors="0" failures="0">`;
  assert.deepEqual(countsOfRun(suite, false), { passed: 3, failed: 1, skipped: 0 });
  assert.deepEqual(countsOfRun(undefined, false), { passed: 0, failed: 1, skipped: 0 });
  assert.deepEqual(countsOfRun(REPORT, false), { passed: 5, failed: 2, skipped: 2 });
  assert.deepEqual(countsOfRun(suite, true), { passed: 3, failed: 0, skipped: 0 });
});

Deno.test("the last line names skipped tests only where there are any", () => {
  assert.equal(formatCounts({ passed: 12, failed: 0, skipped: 0 }), "12 passed, 0 failed");
  assert.equal(formatCounts({ passed: 1, failed: 2, skipped: 3 }), "1 passed, 2 failed, 3 skipped");
});
