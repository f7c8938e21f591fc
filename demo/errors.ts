/** A failure that the user can fix. It is printed as its message, without a stack trace. */
export class DemoError extends Error {
  override readonly name = "DemoError";

  /** @param exitStatus 2 for a wrong command line or a folder without a usable file, otherwise 1 */
  constructor(readonly code: string, message: string, readonly exitStatus: 1 | 2 = 1) {
    super(message);
  }
}
