/** The table in docs/PERFORMANCE.md: written by the bench, never by hand. */
import { fileURLToPath } from "node:url";

const DOCUMENT = fileURLToPath(new URL("../../docs/PERFORMANCE.md", import.meta.url));
const BEGIN = "<!-- deno task bench --write: begin -->";
const END = "<!-- deno task bench --write: end -->";

/**
 * Replaces the text that was written last, and formats the document.
 *
 * @throws Error if the document lacks the marks
 */
export async function writeIntoDocument(text: string, path = DOCUMENT): Promise<void> {
  const document = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, replaceBetweenMarks(document, text));
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", path],
  }).output();
  if (!success) throw new Error(`deno fmt ${path} failed`);
}

/** The document with `text` between its marks. @throws Error if a mark is missing */
export function replaceBetweenMarks(document: string, text: string): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`there is no ${BEGIN} before ${END}`);
  return `${document.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${document.slice(end)}`;
}
