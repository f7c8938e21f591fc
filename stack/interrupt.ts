/** The signals by which a terminal or a supervisor asks a process to end. */
const SIGNALS: Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Resolves to the first signal that asks this process to end, which from here on no longer ends it
 * by itself: whoever waits cleans up. Further ones are ignored until then.
 */
export function untilInterrupted(): Promise<Deno.Signal> {
  return new Promise((resolve) => {
    for (const signal of SIGNALS) Deno.addSignalListener(signal, () => resolve(signal));
  });
}
