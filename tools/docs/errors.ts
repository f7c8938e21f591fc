/**
 * Generates docs/ERRORS.md from the error catalogue, so that the two always agree. `deno task docs`
 * writes the file, and a test compares it.
 */
import { ERRORS } from "../../supabase/functions/_holdfast/config/errors.ts";

/** The page's Markdown. */
export function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(([code, { status, title, remedy }]) =>
    `## ${code}\n\n${title} (HTTP ${status}). ${remedy}\n`
  );
  return `# Errors

For everyone who met an error code and wants to know what to do next. Every expected failure has a stable code.

- Over HTTP an error is an \`application/problem+json\` body: \`code\`, \`detail\` (what happened), \`remedy\` (what to do
  next) and, if several fields are wrong, \`errors\`.
- A run that failed has the error in \`code\`, \`message\` and \`remedy\`.
- An object that could not be copied or restored is listed with its code in the run's \`failures\`.

${rows.join("\n")}`;
}

if (import.meta.main) {
  await Deno.writeTextFile(new URL("../../docs/ERRORS.md", import.meta.url), errorsPage());
}
