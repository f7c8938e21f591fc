/**
 * A refusal for the user. Its message names the cause, the file and the next step. No file was
 * written, unless the message states which.
 */
export class AddError extends Error {
  override readonly name = "AddError";
  /** Stable identifier of the error, in snake_case. */
  readonly code: string;
  /** 2 if the command line is wrong, 1 for every other refusal. */
  readonly exitCode: 1 | 2;

  constructor(code: string, message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.code = code;
    this.exitCode = exitCode;
  }
}

/** The operating system's message for a failed file operation, without Deno's prefix. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/ \(os error \d+\)/, "");
}

/** The error for a path that cannot be read. */
export function unreadable(path: string, error: unknown): AddError {
  const message = `${path} cannot be read: ${
    reasonOf(error)
  }.\nMake it readable and run this again.`;
  return new AddError("unreadable", message);
}

/** The error for a path that is occupied by a file or folder of the wrong kind. */
export function pathOccupied(path: string, fault: string): AddError {
  return new AddError("path_occupied", `${path} ${fault}.\nMove that away and run this again.`);
}
