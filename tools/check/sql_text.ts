/** A word or punctuation mark of SQL outside of comments and strings. */
export interface SqlToken {
  text: string;
  line: number;
  /** Number of parentheses and dollar quotes around it. */
  depth: number;
}

const TOKEN = new RegExp(
  [
    /--[^\n]*/, // comment
    /\/\*[^]*?\*\//, // comment
    /[eE]'(?:[^'\\]|''|\\[^])*'/, // string with escapes
    /'(?:[^']|'')*'/, // string
    /"(?:[^"]|"")*"/, // quoted name
    /\$[a-z_]*\$/, // begin or end of a body
    /[A-Za-z_][A-Za-z0-9_]*/, // word
    /[();]/,
  ].map((part) => `(?:${part.source})`).join("|"),
  "g",
);

/**
 * The words and the marks `( ) ;` of a SQL text. Bodies in dollar quotes are tokenized as well,
 * because Holdfast's dollar quotes contain code.
 */
export function tokenizeSql(text: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  const bodies: string[] = [];
  let depth = 0;
  let line = 1;
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    line += countLines(text.slice(at, match.index));
    at = match.index;
    const [found] = match;
    if (found.startsWith("$")) {
      if (bodies.at(-1) === found) bodies.pop();
      else bodies.push(found);
    } else if (found === ")") {
      depth--;
    }
    if (/^([A-Za-z_][A-Za-z0-9_]*|[();])$/.test(found)) {
      tokens.push({ text: found, line, depth: depth + bodies.length });
    }
    if (found === "(") depth++;
  }
  return tokens;
}

function countLines(text: string): number {
  return text.split("\n").length - 1;
}
