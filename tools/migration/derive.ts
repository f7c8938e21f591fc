import { CHECK_NO_BODIES } from "./baseline.ts";
import type { Difference } from "./catalog.ts";
import type { SchemaFile } from "./schema_files.ts";
import { definedBy, splitStatements, withoutComments } from "./statements.ts";

/**
 * Writes the migration that turns what the migrations make into what the schema files declare.
 * Functions, views, indexes, comments and grants are written out; what a table needs is named in
 * comments, to be completed by hand, as only its author knows what becomes of the rows.
 */
export function deriveMigration(
  differences: readonly Difference[],
  files: readonly SchemaFile[],
): string {
  const declared = new Declared(files);
  const parts = [
    ...differences.flatMap((difference) => byHand(difference)),
    ...differences.flatMap((difference) => dropped(difference)),
    ...declared.inOrder(differences.flatMap((difference) => declared.statementsOf(difference))),
  ];
  const needsGrants = differences.some(({ identity }) => /^(grant|function|view) /.test(identity));
  const grants = files.filter(({ path }) => needsGrants && path === "grants.sql")
    .map(({ text }) => text.trim());
  return `${[CHECK_NO_BODIES, ...parts, ...grants].join("\n\n")}\n`;
}

/** A note about what has to be written by hand: tables, columns, constraints, types, triggers. */
function byHand({ identity, before, after }: Difference): string[] {
  if (!/^(table|column|constraint|attribute|trigger|schema) /.test(identity)) return [];
  const [old, now] = [before, after].map((text) => text?.replace(/\s+/g, " ") ?? "nothing");
  return [`-- complete by hand: ${identity}\n--   is:      ${old}\n--   becomes: ${now}`];
}

/** Drops what is declared no more; a function whose parameters changed is another function. */
function dropped({ identity, after }: Difference): string[] {
  if (after !== undefined) return [];
  const [, kind, name] = identity.match(/^(function|view|index) (.*)$/) ?? [];
  return kind === undefined ? [] : [`drop ${kind} ${name};`];
}

/** The statements of the schema files, by what they define. */
class Declared {
  readonly #statements: string[];
  readonly #byName = new Map<string, string[]>();

  constructor(files: readonly SchemaFile[]) {
    this.#statements = files.flatMap(({ text }) => splitStatements(text));
    for (const statement of this.#statements) {
      const defined = definedBy(statement);
      if (defined === undefined) continue;
      const key = `${defined.kind} ${defined.name}`;
      this.#byName.set(key, [...this.#byName.get(key) ?? [], statement]);
    }
  }

  /** The statements that make what a difference says is there afterwards. */
  statementsOf({ identity, before, after }: Difference): string[] {
    if (after === undefined) return [];
    const [, kind, name] = identity.match(/^(function|view|index|comment) ([^(]*)/) ?? [];
    if (kind === undefined) return [];
    if (kind === "comment") return this.#comments(identity);
    const made = this.#byName.get(`${kind} ${qualified(kind, name!)}`) ?? [];
    return kind === "index" && before !== undefined ? [`drop index ${name};`, ...made] : made;
  }

  /** Comments on an object, found by its name: PostgreSQL describes it in words of its own. */
  #comments(identity: string): string[] {
    const words = identity.match(/[a-z_]+(?=\(|$)|[a-z_]+\.[a-z_]+/g) ?? [];
    const name = words.at(-1) ?? "";
    return [...this.#byName].filter(([key]) =>
      key.startsWith("comment ") && key.split(/[ .(]/).includes(name.split(".").at(-1)!)
    ).flatMap(([, statements]) => statements);
  }

  /** Statements once each, in the order of the schema files; functions and views replace what is there. */
  inOrder(statements: readonly string[]): string[] {
    const drops = statements.filter((statement) => !this.#statements.includes(statement));
    const wanted = new Set(statements);
    return [
      ...drops,
      ...this.#statements.filter((statement) => wanted.has(statement)).map(orReplace),
    ];
  }
}

/** Names of indexes carry no schema where they are created. */
function qualified(kind: string, name: string): string {
  return kind === "index" ? name.split(".").at(-1)! : name;
}

function orReplace(statement: string): string {
  const text = withoutComments(statement);
  const replaced = text.replace(/^create (function|view) /, "create or replace $1 ");
  return statement.slice(0, statement.length - text.length) + replaced;
}
