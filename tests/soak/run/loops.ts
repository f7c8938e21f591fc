import { delay } from "../../stack/delay.ts";

/** Does something again and again, after a rest each time, until the signal comes. */
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

/** What goes on at the same time; the first that fails ends all, and is what it fails with. */
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
