/**
 * docs/ERRORS.md from the error catalogue, so that the two can't part. `deno task docs` writes it,
 * and a test compares.
 */
import { ERRORS } from "../../supabase/functions/_holdfast/config/errors.ts";

/** The page's Markdown. */
export function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(([code, { status, title, remedy }]) =>
    `## ${code}\n\n${title} (HTTP ${status}). ${remedy}\n`
  );
  return `# Errors

Every expected failure has a stable code. Over HTTP it is the \`code\` of an \`application/problem+json\` body, with
\`detail\` (what happened here), \`remedy\` (what to do) and, where several things are wrong, \`errors\`. A run that failed has
it in \`code\`, \`message\` and \`remedy\`; an object that could not be copied or restored has it in the run's \`failures\`.

${rows.join("\n")}`;
}

if (import.meta.main) {
  await Deno.writeTextFile(new URL("../../docs/ERRORS.md", import.meta.url), errorsPage());
}
