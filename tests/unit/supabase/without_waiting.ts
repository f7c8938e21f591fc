/** Runs something with every timer due at once, and tells the milliseconds that were asked for. */
export async function withoutWaiting<Result>(
  act: () => Promise<Result>,
): Promise<{ result: Result; waits: number[] }> {
  const waits: number[] = [];
  const { setTimeout } = globalThis;
  globalThis.setTimeout = ((then: () => void, ms = 0) => {
    waits.push(ms);
    return setTimeout(then, 0);
  }) as typeof setTimeout;
  try {
    return { result: await act(), waits };
  } finally {
    globalThis.setTimeout = setTimeout;
  }
}
