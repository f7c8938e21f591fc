/** So long does a test wait for what must come, before it fails instead of waiting for ever. */
const PATIENCE_SECONDS = 60;

/**
 * Waits until `condition` holds, asking again and again.
 *
 * @throws Error that names `what`, when it does not within a minute, or as many seconds as are given
 */
export async function eventually(
  what: string,
  condition: () => Promise<boolean> | boolean,
  seconds = PATIENCE_SECONDS,
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!await condition()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
