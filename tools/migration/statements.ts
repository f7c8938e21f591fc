/** What begins, ends or skips a part of a SQL text in which `;` ends no statement. */
const PART = new RegExp(
  [
    /--[^\n]*/,
    /\/\*[^]*?\*\//,
    /'(?:[^']|'')*'/,
    /"(?:[^"]|"")*"/,
    /\$([a-z_]*)\$[^]*?\$\1\$/,
    /\bbegin atomic\b/,
    /\bcase\b/,
    /\bend\b/,
    /;/,
  ].map((part) => `(?:${part.source})`).join("|"),
  "g",
);

/** Splits a SQL text into statements, each with the comments before it and its `;`. */
export function splitStatements(text: string): string[] {
  const statements: string[] = [];
  let start = 0;
  // `begin atomic … end` holds statements of its own, and in them `case … end`.
  let blocks = 0;
  for (const { 0: found, index } of text.matchAll(PART)) {
    if (found === "begin atomic") blocks++;
    else if (found === "case" && blocks > 0) blocks++;
    else if (found === "end" && blocks > 0) blocks--;
    else if (found === ";" && blocks === 0) {
      statements.push(text.slice(start, index + 1).trim());
      start = index + 1;
    }
  }
  const rest = text.slice(start).trim();
  if (rest !== "") statements.push(rest);
  return statements;
}

/** Something that a statement defines, or comments on. */
export interface Defined {
  kind: "function" | "view" | "table" | "type" | "index" | "comment";
  /** With its schema; of a function without its parameters, of a comment what it is on. */
  name: string;
}

const CREATE = /^create (?:or replace )?(?:unique )?(function|view|table|type|index)\s+([a-z_."]+)/;
const COMMENT = /^comment on ([a-z]+ [^']*?)\s+is\b/;

/** What a statement defines; undefined for any other statement. */
export function definedBy(statement: string): Defined | undefined {
  const text = withoutComments(statement);
  const created = text.match(CREATE);
  if (created) return { kind: created[1] as Defined["kind"], name: created[2]! };
  const commented = text.match(COMMENT);
  if (commented) return { kind: "comment", name: commented[1]!.replace(/\s+/g, " ") };
  return undefined;
}

/** A statement without the comments before it. */
export function withoutComments(statement: string): string {
  return statement.replace(/^(?:\s*--[^\n]*\n|\s*\/\*[^]*?\*\/)+/, "").trim();
}
