/** A block of code in a Markdown text. */
export interface CodeBlock {
  /** The language after the opening fence, such as `sh` or `sql`; empty if there is none. */
  language: string;
  text: string;
  /** Line number of its first line in the Markdown text. */
  line: number;
}

/** A link in a Markdown text. */
export interface Link {
  target: string;
  line: number;
}

const FENCE = /^\s*(`{3,}|~{3,})\s*([^\s`]*)/;

/** The fenced blocks of a text. */
export function codeBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { fence: string; block: CodeBlock; lines: string[] } | undefined;
  markdown.split(/\r?\n/).forEach((line, index) => {
    const [, fence = "", language = ""] = line.match(FENCE) ?? [];
    if (open === undefined) {
      if (fence === "") return;
      open = { fence, block: { language, text: "", line: index + 2 }, lines: [] };
    } else if (fence.startsWith(open.fence) && language === "") {
      blocks.push({ ...open.block, text: open.lines.join("\n") });
      open = undefined;
    } else {
      open.lines.push(line);
    }
  });
  return blocks;
}

/** The links and images of a text, inline and by reference. Links inside code are ignored. */
export function links(markdown: string): Link[] {
  const found: Link[] = [];
  prose(markdown).forEach((line, index) => {
    const inline = line.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g);
    const reference = line.matchAll(/^\s*\[[^\]]+\]:\s*<?(\S+?)>?\s*(?:"[^"]*")?$/g);
    for (const match of [...inline, ...reference]) {
      found.push({ target: match[1]!, line: index + 1 });
    }
  });
  return found;
}

/** The anchors of a text's headings, as GitHub generates them. */
export function anchors(markdown: string): Set<string> {
  const seen = new Map<string, number>();
  const all = new Set<string>();
  const headings = prose(markdown, true).map((line) => line.match(/^#{1,6}\s+(.*?)\s*#*$/)?.[1])
    .filter((heading) => heading !== undefined);
  for (const heading of headings) {
    const slug = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(/\s/g, "-");
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    all.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return all;
}

/** The lines of a text. Fenced code is blanked, and inline code unless `inlineCode` is true. */
function prose(markdown: string, inlineCode = false): string[] {
  let fence = "";
  return markdown.split(/\r?\n/).map((line) => {
    const [, found = ""] = line.match(FENCE) ?? [];
    if (fence === "" && found === "") return inlineCode ? line : line.replace(/`[^`]*`/g, "");
    if (fence === "") fence = found;
    else if (found.startsWith(fence)) fence = "";
    return "";
  });
}
