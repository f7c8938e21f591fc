/** Time limit of a test for an expected event, in seconds. */
const TIMEOUT_SECONDS = 60;

/**
 * Waits until `condition` returns true, by polling.
 *
 * @throws {Error} that names `what`, if the time limit passes; by default, one minute
 */
export async function eventually(
  what: string,
  condition: () => Promise<boolean> | boolean,
  seconds = TIMEOUT_SECONDS,
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!await condition()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
