import type { Catalog, CatalogObject } from "./catalog.ts";

/** An object that differs between migrations and schemas. */
export interface Difference {
  /** The object that the migrations create; undefined if they do not create it. */
  migrated: CatalogObject | undefined;
  /** The object that the schemas declare; undefined if they do not declare it. */
  declared: CatalogObject | undefined;
}

/** Compares migrations and schemas. The differences are sorted by kind and name. */
export function compareCatalogs(migrated: Catalog, declared: Catalog): Difference[] {
  const keys = [...new Set([...migrated.keys(), ...declared.keys()])].sort();
  return keys.map((key) => ({ migrated: migrated.get(key), declared: declared.get(key) }))
    .filter(({ migrated, declared }) => !same(migrated, declared));
}

/** Describes a difference in one line. */
export function describeDifference({ migrated, declared }: Difference): string {
  const { kind, identity } = (declared ?? migrated)!;
  if (migrated === undefined) return `${kind} ${identity}: in schemas, in no migration`;
  if (declared === undefined) return `${kind} ${identity}: in migrations, not in schemas`;
  return `${kind} ${identity}: ${changedParts(migrated, declared).join(", ")} differ`;
}

/** Names of the parts in which two versions of an object differ. */
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
