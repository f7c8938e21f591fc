import { codeBlocks } from "./markdown.ts";

/** A call of the Supabase CLI in a document. */
export interface SupabaseCommand {
  /** The arguments after `supabase`. */
  args: string[];
  /** File and line for messages: `README.md:12`. */
  location: string;
}

const SHELL = new Set(["sh", "bash", "shell", "console"]);

/** Finds calls of `supabase` or `npx supabase` in the shell blocks of a Markdown text. */
export function supabaseCommands(file: string, markdown: string): SupabaseCommand[] {
  return codeBlocks(markdown).filter((block) => SHELL.has(block.language)).flatMap((block) =>
    shellLines(block.text).flatMap(({ text, line }) => {
      const args = callOf(text);
      return args === undefined ? [] : [{ args, location: `${file}:${block.line + line}` }];
    })
  );
}

/** The arguments after `supabase` in a line of shell; undefined if the line does not call it. */
export function callOf(line: string): string[] | undefined {
  const words = line.replace(/^\s*\$\s+/, "").replace(/\s#.*$/, "").trim()
    .match(/"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"']+/g) ?? [];
  const rest = words[0] === "npx"
    ? words.slice(1).filter((word, index) => index > 0 || word !== "-y")
    : words;
  return /^supabase(@[\d.]+)?$/.test(rest[0] ?? "") ? rest.slice(1) : undefined;
}

/** Splits a text into lines. A line that ends in a backslash is joined with the next one. */
function shellLines(text: string): { text: string; line: number }[] {
  const lines: { text: string; line: number }[] = [];
  let continued = "";
  text.split("\n").forEach((line, index) => {
    if (line.endsWith("\\")) {
      continued += `${line.slice(0, -1)} `;
    } else {
      lines.push({ text: continued + line, line: index });
      continued = "";
    }
  });
  return lines;
}
