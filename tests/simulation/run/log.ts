/** What is written to the error log lands here instead of being shown. */
let lines: string[] = [];

/**
 * Takes what is written to the error log while something is done, and from then on: a lane that is
 * dead still writes that it is.
 */
export async function takingLog<Result>(
  act: (lines: readonly string[]) => Promise<Result>,
): Promise<Result> {
  lines = [];
  console.error = (...parts: unknown[]) => {
    lines.push(parts.map((part) => part instanceof Error ? part.stack : String(part)).join(" "));
  };
  return await act(lines);
}
