/** One statement of a SQL file, with the comments before it. */
export interface Statement {
  /** The text from its first word to its semicolon. */
  sql: string;
  /** The comment lines directly above it. Lines before a blank line belong to the file. */
  comment: string;
  /** Line number of its first word, starting at 1. */
  line: number;
  /**
   * The object that it creates or comments on: `function holdfast.set`, `comment function
   * holdfast.set`.
   */
  subject: string | undefined;
}

/** Matches one comment, string, quoted name, dollar quote, word, parenthesis or semicolon. */
const PART =
  /--[^\n]*|\/\*[^]*?\*\/|[eE]'(?:[^'\\]|''|\\[^])*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$[a-z_]*\$)[^]*?\1|[A-Za-z_]\w*|[();]/g;

const NAME = String.raw`(\w+(?:\.\w+)*)`;
const SUBJECTS: [RegExp, (match: RegExpMatchArray) => string][] = [
  // An index is in the schema of its table.
  [
    /^create (?:unique )?index (\w+) on (\w+)\./,
    ([, name, schema]) => `index ${schema}.${name}`,
  ],
  [
    new RegExp(
      `^create (?:or replace )?(function|table|view|type|schema) (?:if not exists )?${NAME}`,
    ),
    ([, kind, name]) => `${kind} ${name}`,
  ],
  [
    new RegExp(`^comment on (function|table|view|type|index|schema|column|role) ${NAME}`),
    ([, kind, name]) => `comment ${kind} ${name}`,
  ],
];

/** Splits a SQL text into statements. Only comments may follow the last semicolon. */
export function splitStatements(text: string): Statement[] {
  const statements: Statement[] = [];
  let from = 0;
  let depth = 0;
  for (const { 0: part, index } of text.matchAll(PART)) {
    const word = part.toLowerCase();
    if (word === "(") depth++;
    else if (word === ")") depth--;
    // A SQL-standard body (`begin atomic … end`) contains semicolons. `case` also closes with
    // `end`.
    else if (word === "atomic" || (depth >= ATOMIC && word === "case")) depth += ATOMIC;
    else if (depth >= ATOMIC && word === "end") depth -= ATOMIC;
    else if (word === ";" && depth === 0) {
      statements.push(statementOf(text, from, index + 1));
      from = index + 1;
    }
  }
  const rest = text.slice(from).replace(/--[^\n]*/g, "").trim();
  if (rest !== "") throw new Error(`the last statement does not end with ;: ${rest.slice(0, 60)}`);
  return statements;
}

/**
 * Depth of a SQL-standard body. It is larger than the number of nested parentheses of any
 * statement.
 */
const ATOMIC = 1000;

function statementOf(text: string, from: number, to: number): Statement {
  const lead = text.slice(from).match(/^(?:\s+|--[^\n]*(?:\n|$))*/)![0];
  const sql = text.slice(from + lead.length, to);
  const comment = lead.match(/(?:--[^\n]*\n)*$/)![0].trimEnd();
  const line = text.slice(0, from + lead.length).split("\n").length;
  return { sql, comment, line, subject: subjectOf(sql) };
}

function subjectOf(sql: string): string | undefined {
  for (const [pattern, subject] of SUBJECTS) {
    const match = sql.match(pattern);
    if (match !== null) return subject(match);
  }
}
