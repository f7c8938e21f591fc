import type { Catalog, CatalogObject } from "./catalog.ts";

/** One object that is not the same on both sides. */
export interface Difference {
  /** As the migrations make it; undefined where they do not. */
  migrated: CatalogObject | undefined;
  /** As the schemas make it; undefined where they do not. */
  declared: CatalogObject | undefined;
}

/** What differs between the migrations and the schemas: in the order of kinds and names. */
export function compareCatalogs(migrated: Catalog, declared: Catalog): Difference[] {
  const keys = [...new Set([...migrated.keys(), ...declared.keys()])].sort();
  return keys.map((key) => ({ migrated: migrated.get(key), declared: declared.get(key) }))
    .filter(({ migrated, declared }) => !same(migrated, declared));
}

/** Each difference in a line. */
export function describeDifference({ migrated, declared }: Difference): string {
  const { kind, identity } = (declared ?? migrated)!;
  if (migrated === undefined) return `${kind} ${identity}: in schemas, in no migration`;
  if (declared === undefined) return `${kind} ${identity}: in migrations, not in schemas`;
  return `${kind} ${identity}: ${changedParts(migrated, declared).join(", ")} differ`;
}

/** Names of what is not the same of an object that is on both sides. */
export function changedParts(one: CatalogObject, other: CatalogObject): string[] {
  const names = new Set([...Object.keys(one.parts), ...Object.keys(other.parts)]);
  const changed = [...names].filter((name) => !same(one.parts[name], other.parts[name]));
  if (one.identity !== other.identity) changed.push("arguments");
  if (one.comment !== other.comment) changed.push("comment");
  if (!same(sorted(one.columnComments), sorted(other.columnComments))) {
    changed.push("comments of columns");
  }
  if (!same(one.grants, other.grants)) changed.push("grants");
  return [...new Set(changed)].sort();
}

function sorted(record: Record<string, string>): [string, string][] {
  return Object.entries(record).sort(([one], [other]) => one < other ? -1 : 1);
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
