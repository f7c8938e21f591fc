import type { Connection } from "../../tests/stack/postgres/connection.ts";

/** What a database holds of Holdfast: each object by its identity, with all that defines it. */
export type Catalog = ReadonlyMap<string, string>;

/** Schemas whose objects are compared. */
const OURS = `n.nspname in ('holdfast', 'holdfast_private')`;

/** Each answers identities and definitions; the order of columns in a table does not count. */
const QUERIES: readonly string[] = [
  `select 'schema ' || n.nspname as identity, n.nspacl::text as definition
   from pg_namespace n where ${OURS}`,
  `select 'function ' || p.oid::regprocedure, pg_get_functiondef(p.oid)
   from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${OURS}`,
  `select 'view ' || c.oid::regclass, pg_get_viewdef(c.oid) || coalesce(c.reloptions::text, '')
   from pg_class c join pg_namespace n on n.oid = c.relnamespace where ${OURS} and c.relkind = 'v'`,
  `select 'table ' || c.oid::regclass, concat_ws(' ', c.relpersistence, c.relrowsecurity, c.reloptions)
   from pg_class c join pg_namespace n on n.oid = c.relnamespace where ${OURS} and c.relkind = 'r'`,
  `select case c.relkind when 'c' then 'attribute ' else 'column ' end || c.oid::regclass || '.' || a.attname,
     concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
       l.collname, pg_get_expr(d.adbin, d.adrelid), a.attoptions)
   from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
     left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
     left join pg_collation l on l.oid = a.attcollation and l.collname <> 'default'
   where ${OURS} and c.relkind in ('r', 'c') and a.attnum > 0 and not a.attisdropped`,
  `select 'constraint ' || c.conrelid::regclass || ' ' || c.conname, pg_get_constraintdef(c.oid)
   from pg_constraint c join pg_namespace n on n.oid = c.connamespace where ${OURS}`,
  `select 'index ' || i.indexrelid::regclass, pg_get_indexdef(i.indexrelid)
   from pg_index i join pg_class c on c.oid = i.indexrelid
     join pg_namespace n on n.oid = c.relnamespace where ${OURS}`,
  `select 'trigger ' || t.tgrelid::regclass || ' ' || t.tgname, pg_get_triggerdef(t.oid)
   from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
   where ${OURS} and not t.tgisinternal`,
  `select 'comment ' || pg_describe_object(d.classoid, d.objoid, d.objsubid), d.description
   from pg_description d join (
     select 'pg_namespace'::regclass as classoid, n.oid from pg_namespace n where ${OURS}
     union all select 'pg_proc'::regclass, p.oid
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${OURS}
     union all select 'pg_class'::regclass, c.oid
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where ${OURS}
     union all select 'pg_type'::regclass, t.oid
       from pg_type t join pg_namespace n on n.oid = t.typnamespace where ${OURS}
   ) o on o.classoid = d.classoid and o.oid = d.objoid`,
  `select 'grant ' || a.privilege_type || ' on function ' || p.oid::regprocedure || ' to '
     || case a.grantee when 0 then 'public' else a.grantee::regrole::text end, ''
   from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
   where ${OURS} and a.grantee <> p.proowner`,
  `select 'grant ' || a.privilege_type || ' on ' || c.oid::regclass || ' to '
     || case a.grantee when 0 then 'public' else a.grantee::regrole::text end, ''
   from pg_class c join pg_namespace n on n.oid = c.relnamespace
     cross join lateral aclexplode(c.relacl) a
   where ${OURS} and a.grantee <> c.relowner`,
];

/** Reads what a database holds of Holdfast. */
export async function readCatalog(sql: Connection): Promise<Catalog> {
  const catalog = new Map<string, string>();
  for (const query of QUERIES) {
    const rows = await sql.unsafe(query).values();
    for (const [identity, definition] of rows) catalog.set(identity, definition ?? "");
  }
  return catalog;
}

/** An object that two catalogs do not have alike. */
export interface Difference {
  identity: string;
  /** Undefined where the object is not there. */
  before: string | undefined;
  after: string | undefined;
}

/** What differs between two catalogs, by identity. */
export function compareCatalogs(before: Catalog, after: Catalog): Difference[] {
  const identities = [...new Set([...before.keys(), ...after.keys()])].sort();
  return identities.filter((identity) => before.get(identity) !== after.get(identity))
    .map((identity) => ({
      identity,
      before: before.get(identity),
      after: after.get(identity),
    }));
}
