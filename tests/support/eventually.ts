/** So long does a test wait for what must come, before it fails instead of waiting for ever. */
const PATIENCE_SECONDS = 60;

/**
 * Waits until `condition` holds, asking again and again.
 *
 * @throws Error that names `what`, when it does not within a minute
 */
export async function eventually(
  what: string,
  condition: () => Promise<boolean> | boolean,
): Promise<void> {
  const deadline = Date.now() + PATIENCE_SECONDS * 1000;
  while (!await condition()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${PATIENCE_SECONDS} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
