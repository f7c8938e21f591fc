/** The signals by which a terminal or a supervisor asks a process to end. */
const SIGNALS: Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Resolves to the first signal that asks this process to end. From this call on, the signals no
 * longer end the process, so the caller must clean up and exit. Further signals are ignored.
 */
export function untilInterrupted(): Promise<Deno.Signal> {
  return new Promise((resolve) => {
    for (const signal of SIGNALS) Deno.addSignalListener(signal, () => resolve(signal));
  });
}
