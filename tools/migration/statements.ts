/** One statement of a file of SQL, with the comments that stand before it. */
export interface Statement {
  /** From its first word to its semicolon. */
  sql: string;
  /** The comment lines right above it; those that a blank line separates are of the file. */
  comment: string;
  /** Line of its first word, from 1. */
  line: number;
  /** What it creates or comments on: `function holdfast.set`, `comment function holdfast.set`. */
  subject: string | undefined;
}

/** Comments, strings, quoted names and dollar quotes, each whole; words; and what ends a statement. */
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

/** Splits a text of SQL into its statements. What follows the last semicolon must be comments. */
export function splitStatements(text: string): Statement[] {
  const statements: Statement[] = [];
  let from = 0;
  let depth = 0;
  for (const { 0: part, index } of text.matchAll(PART)) {
    const word = part.toLowerCase();
    if (word === "(") depth++;
    else if (word === ")") depth--;
    // A body in SQL-standard form holds semicolons; its `case` ends like itself.
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

/** More than the parentheses of any statement. */
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
