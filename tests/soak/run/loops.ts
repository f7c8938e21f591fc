import { delay } from "../../../stack/delay.ts";

/** Repeats something, with a pause before each time, until the signal aborts. */
export async function repeat(
  signal: AbortSignal,
  restMilliseconds: () => number,
  act: () => Promise<void> | void,
): Promise<void> {
  while (!signal.aborted) {
    await delay(restMilliseconds(), signal);
    if (!signal.aborted) await act();
  }
}

/** Waits for several loops. The first failure stops all of them and is thrown. */
export async function together(
  stop: AbortController,
  all: readonly Promise<void>[],
): Promise<void> {
  const stopping = all.map((each) =>
    each.catch((error) => {
      stop.abort();
      throw error;
    })
  );
  const results = await Promise.allSettled(stopping);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
