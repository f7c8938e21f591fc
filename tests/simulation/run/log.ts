/** Collects the lines of the error log. */
let lines: string[] = [];

/**
 * Captures the error log while `act` runs, and afterwards: a crashed worker still logs its end.
 */
export async function captureLog<Result>(
  act: (lines: readonly string[]) => Promise<Result>,
): Promise<Result> {
  lines = [];
  console.error = (...parts: unknown[]) => {
    lines.push(parts.map((part) => part instanceof Error ? part.stack : String(part)).join(" "));
  };
  return await act(lines);
}
