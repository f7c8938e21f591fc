/** Number of tests by result. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Reads the counts from the JUnit report of `deno test`. Steps count as tests. */
export function countsOfReport(xml: string): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [suite] of xml.matchAll(/<testsuite [^>]*>/g)) {
    const failed = attribute(suite, "failures") + attribute(suite, "errors");
    const skipped = attribute(suite, "disabled");
    counts.failed += failed;
    counts.skipped += skipped;
    counts.passed += attribute(suite, "tests") - failed - skipped;
  }
  return counts;
}

function attribute(element: string, name: string): number {
  return Number(element.match(new RegExp(` ${name}="(\\d+)"`))?.[1] ?? 0);
}

/**
 * The counts of a process that ran tests. A process that failed without a failed test crashed or
 * could not load a file. It counts as one failure.
 */
export function countsOfRun(report: string | undefined, success: boolean): Counts {
  const counts = countsOfReport(report ?? "");
  if (!success && counts.failed === 0) counts.failed = 1;
  return counts;
}

/** The sum of two counts. */
export function addCounts(one: Counts, other: Counts): Counts {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  };
}

/** The last line of a run of tests. */
export function formatCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
