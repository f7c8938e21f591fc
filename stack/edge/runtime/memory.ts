/** How often the memory is looked at. */
const SAMPLE_MILLISECONDS = 50;

/** Less of a change is not worth a report. */
const REPORTED_CHANGE_BYTES = 1024 * 1024;

/**
 * Reports what Edge Runtime counts against the limit, V8's used heap and what it holds outside of
 * it, which is ArrayBuffers above all; again whenever that has changed.
 */
export function reportMemory(report: (bytes: number) => void): void {
  let reported = -Infinity;
  const look = () => {
    const { heapUsed, external } = Deno.memoryUsage();
    const bytes = heapUsed + external;
    if (Math.abs(bytes - reported) < REPORTED_CHANGE_BYTES) return;
    reported = bytes;
    report(bytes);
  };
  look();
  Deno.unrefTimer(setInterval(look, SAMPLE_MILLISECONDS));
}
