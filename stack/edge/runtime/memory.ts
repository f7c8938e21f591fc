/** Sampling interval of the memory. */
const SAMPLE_MILLISECONDS = 50;

/** Smaller changes are not reported. */
const REPORTED_CHANGE_BYTES = 1024 * 1024;

/**
 * Reports the memory that Edge Runtime counts: V8's used heap and its external memory, which is
 * mostly ArrayBuffers. It reports again after each change.
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
