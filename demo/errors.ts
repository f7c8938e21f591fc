/** What the demo can't do for a reason that its user can repair; told in words, without a trace. */
export class DemoError extends Error {
  override readonly name = "DemoError";

  /** @param exitStatus 1, or 2 for a wrong command line and for a folder without a usable file. */
  constructor(readonly code: string, message: string, readonly exitStatus: 1 | 2 = 1) {
    super(message);
  }
}
