import type { CatalogObject } from "./catalog.ts";
import { changedParts, type Difference } from "./compare.ts";
import type { SchemaFile } from "./schema_files.ts";
import { splitStatements, type Statement } from "./statements.ts";

/** Roles to which a project's default privileges may grant access to new objects. */
const API_ROLES = "public, anon, authenticated, service_role";

/** Kinds whose statements are generated. For the other kinds a comment describes the difference. */
const WRITTEN = new Set(["function", "view"]);

/**
 * The text of a migration from the current migrations to the declared schemas. Statements for
 * functions, views, comments and grants are generated in the order of the schemas. For tables,
 * indexes, types and settings rows a comment describes the difference: a developer must write how
 * existing rows change.
 */
export function deriveMigration(differences: Difference[], schemas: SchemaFile[]): string {
  const statements = new Map<string, Statement>();
  let location = 0;
  const locations = new Map<string, number>();
  for (const { text } of schemas) {
    for (const statement of splitStatements(text)) {
      if (statement.subject === undefined) continue;
      statements.set(statement.subject, statement);
      locations.set(statement.subject, location++);
    }
  }
  const locationOf = ({ declared }: Difference) =>
    declared === undefined ? Infinity : locations.get(`${declared.kind} ${declared.name}`) ?? -1;
  const ordered = differences.toSorted((one, other) => locationOf(one) - locationOf(other));
  const parts = [
    ...ordered.filter(({ declared, migrated }) => !WRITTEN.has((declared ?? migrated)!.kind))
      .map((difference) => stub(difference, statements)),
    ...ordered.filter(({ declared }) => declared !== undefined && WRITTEN.has(declared.kind))
      .map((difference) => written(difference, statements)),
    ...ordered.filter(({ declared, migrated }) =>
      declared === undefined && WRITTEN.has(migrated!.kind)
    ).map(({ migrated }) => `drop ${migrated!.kind} ${migrated!.identity};\n`),
  ];
  return parts.join("\n");
}

/** Comments that describe a change which a developer must write. */
function stub({ migrated, declared }: Difference, statements: Map<string, Statement>): string {
  const { kind, name, identity } = (declared ?? migrated)!;
  if (migrated === undefined) {
    const source = statements.get(`${kind} ${name}`);
    if (source === undefined || kind === "schema") return say(`${kind} ${identity} is new.`);
    return `${source.sql}\n${comments(undefined, declared!)}` +
      (kind === "table"
        ? `alter table ${name} enable row level security;\nrevoke all on ${name} from ${API_ROLES};\n`
        : "");
  }
  if (declared === undefined) return say(`${kind} ${identity} is in no schema any more.`);
  const changed = changedParts(migrated, declared)
    .filter((part) => !/^(comment|comments of columns|grants)$/.test(part));
  const lines = changed.flatMap((part) => [
    `${kind} ${identity}: ${part}`,
    ...onlyIn(migrated.parts[part], declared.parts[part]).map((line) => `  - ${line}`),
    ...onlyIn(declared.parts[part], migrated.parts[part]).map((line) => `  + ${line}`),
  ]);
  return say(...lines) + comments(migrated, declared) + grants(migrated, declared);
}

function written({ migrated, declared }: Difference, statements: Map<string, Statement>): string {
  const object = declared!;
  const source = statements.get(`${object.kind} ${object.name}`);
  const changed = migrated === undefined ? [] : changedParts(migrated, object);
  const remade = migrated === undefined ||
    changed.some((part) => part in object.parts || part === "arguments");
  if (!remade) return comments(migrated, object) + grants(migrated, object);
  if (source === undefined) {
    return say(`${object.kind} ${object.identity} differs, and no statement of schemas makes it.`);
  }
  const comment = source.comment === "" ? "" : `${source.comment}\n`;
  const create = `${source.sql.replace(/^create (?:or replace )?/, "create or replace ")}\n`;
  const dropped = migrated !== undefined && !isReplaceable(migrated, object, changed);
  const drop = dropped ? `drop ${migrated.kind} ${migrated.identity};\n` : "";
  const before = dropped ? undefined : migrated;
  return comment + drop + create + comments(before, object) + grants(before, object);
}

/** Whether `create or replace` accepts the new version of an object. */
function isReplaceable(one: CatalogObject, other: CatalogObject, changed: string[]): boolean {
  if (one.kind !== "view") {
    return !changed.includes("arguments") && !changed.includes("result");
  }
  // `create or replace view` can add columns only at the end.
  return `${other.parts.columns}\n`.startsWith(`${one.parts.columns}\n`);
}

function comments(before: CatalogObject | undefined, object: CatalogObject): string {
  const lines: string[] = [];
  if (object.comment !== (before?.comment ?? null)) {
    lines.push(`comment on ${object.kind} ${object.identity} is ${literal(object.comment)};\n`);
  }
  for (const [column, comment] of Object.entries(object.columnComments)) {
    if (before?.columnComments[column] === comment) continue;
    lines.push(`comment on column ${object.identity}.${column} is ${literal(comment)};\n`);
  }
  return lines.join("");
}

/** The statements for an object's grants. By default PUBLIC may execute a new function. */
function grants(before: CatalogObject | undefined, object: CatalogObject): string {
  const on = `${object.kind === "view" || object.kind === "table" ? "" : `${object.kind} `}` +
    object.identity;
  const lines: string[] = [];
  if (before === undefined) lines.push(`revoke all on ${on} from ${API_ROLES};\n`);
  const had = before?.grants ?? [];
  for (const grant of had.filter((one) => !object.grants.includes(one))) {
    const [role, privilege] = grant.split(" ");
    lines.push(`revoke ${privilege} on ${on} from ${role};\n`);
  }
  for (const grant of object.grants.filter((one) => !had.includes(one))) {
    const [role, privilege] = grant.split(" ");
    lines.push(`grant ${privilege} on ${on} to ${role};\n`);
  }
  return lines.join("");
}

function onlyIn(one = "", other = ""): string[] {
  const lines = new Set(other.split("\n"));
  return one.split("\n").filter((line) => line !== "" && !lines.has(line));
}

function say(...lines: string[]): string {
  if (lines.length === 0) return "";
  return ["To write by hand:", ...lines].map((line) => `-- ${line}\n`).join("");
}

function literal(text: string | null): string {
  return text === null ? "null" : `'${text.replaceAll("'", "''")}'`;
}
