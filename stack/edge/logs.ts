/** Number of log lines that are kept for each function. The oldest are removed first. */
export const LOG_LINES = 20_000;

/** A line that a function's process wrote. */
export interface LogLine {
  /** When it was read: milliseconds since 1970. */
  at: number;
  /** The name of the function. */
  function: string;
  /** Id of the process that wrote it. It distinguishes isolates. */
  pid: number;
  stream: "stdout" | "stderr";
  text: string;
}

/** The output of the functions of a project, bounded for each function. */
export class FunctionLogs {
  readonly #lines = new Map<string, LogLine[]>();

  add(line: LogLine): void {
    const lines = this.#lines.get(line.function) ?? [];
    lines.push(line);
    if (lines.length > LOG_LINES) lines.splice(0, lines.length - LOG_LINES);
    this.#lines.set(line.function, lines);
  }

  /** The lines of one function, or of all functions, in the order of arrival. */
  read(name?: string): LogLine[] {
    if (name !== undefined) return [...this.#lines.get(name) ?? []];
    return [...this.#lines.values()].flat().sort((one, other) => one.at - other.at);
  }
}
