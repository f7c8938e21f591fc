/**
 * A refusal that the reader can act on: what is wrong, where, and what to do next. Nothing was
 * written, unless the message says otherwise.
 */
export class AddError extends Error {
  override readonly name = "AddError";
  /** Stable, in snake_case. */
  readonly code: string;
  /** 2: the command line is wrong. 1: it was understood and is refused. */
  readonly exitCode: 1 | 2;

  constructor(code: string, message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.code = code;
    this.exitCode = exitCode;
  }
}

/** What the operating system says of a failed file operation, without Deno's prefix. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/ \(os error \d+\)/, "");
}

/** A path that cannot be read, whatever the reason. */
export function unreadable(path: string, error: unknown): AddError {
  const message = `${path} cannot be read: ${
    reasonOf(error)
  }.\nMake it readable and run this again.`;
  return new AddError("unreadable", message);
}

/** A path where something of another kind is. */
export function inTheWay(path: string, fault: string): AddError {
  return new AddError("in_the_way", `${path} ${fault}.\nMove that away and run this again.`);
}
