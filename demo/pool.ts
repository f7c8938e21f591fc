/** At most this many objects are processed at once. */
const OBJECTS_AT_ONCE = 8;
const BYTES_AT_ONCE = 64 * 1024 * 1024;

/**
 * Processes every item, several at once within the limits. An item above the byte limit runs alone.
 * After the first error no further item starts; the error is thrown when the started ones have
 * ended.
 */
export async function forEachObject<Item>(
  items: Iterable<Item>,
  bytesOf: (item: Item) => number,
  act: (item: Item) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let bytes = 0;
  let failure: { error: unknown } | undefined;
  for (const item of items) {
    const weight = bytesOf(item);
    while (
      running.size >= OBJECTS_AT_ONCE || running.size > 0 && bytes + weight > BYTES_AT_ONCE
    ) await Promise.race(running);
    if (failure) break;
    bytes += weight;
    const done: Promise<void> = act(item)
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => {
        bytes -= weight;
        running.delete(done);
      });
    running.add(done);
  }
  await Promise.all(running);
  if (failure) throw failure.error;
}
