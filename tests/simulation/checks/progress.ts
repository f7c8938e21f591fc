import { InvariantViolation } from "../invariants.ts";
import type { SimulatedProject } from "../environment/project.ts";

/**
 * Checks the committed rows after a crash: each object behind a cursor is an entry, an upload or a
 * failure. An object that was created or moved since the run began is not checked.
 */
export async function assertNoRowPassed({ sql }: Pick<SimulatedProject, "sql">): Promise<void> {
  const passed = await sql<{ path: string }[]>`
    select o.bucket_id || '/' || o.name as path
    from holdfast_private.cursors c
      join holdfast_private.runs r on r.id = c.run and r.kind = 'backup' and r.state in ('running', 'sealing')
      join holdfast_private.source_objects o on o.bucket_id = c.bucket_id collate "default"
    where c.stage = 'objects'
      and o.name >= c.range_from and (c.range_to is null or o.name <= c.range_to)
      and (c.finished_at is not null or o.name < c.position ->> 'from')
      and (o.metadata ->> 'updated_at')::timestamptz < r.started_at
      and not exists (
        select from holdfast_private.known_entries e
        where e.repository = r.repository and e.bucket_id = o.bucket_id and e.name = o.name
          and e.removed_in is null and o.version in (e.version, e.wanted_version))
      and not exists (
        select from holdfast_private.uploads u
        where u.run = r.id and u.bucket_id = o.bucket_id and u.name = o.name)
      and not exists (
        select from holdfast_private.failures f
        where f.job = 'backup' and f.bucket_id = o.bucket_id and f.name = o.name)`;
  if (passed.length === 0) return;
  const objectPaths = passed.map(({ path }) => path).join(", ");
  throw new InvariantViolation(
    "no_row_passed",
    `a cursor is behind ${objectPaths}, which nothing records`,
  );
}

/** The URL paths of all objects whose bytes are committed as stored. */
export async function readHeld({ sql }: SimulatedProject): Promise<Set<string>> {
  const rows = await sql<{ bucket_id: string; name: string }[]>`
    select o.bucket_id, o.name from holdfast_private.source_objects o
      join holdfast_private.known_entries e on e.bucket_id = o.bucket_id and e.name = o.name
        and e.version = o.version and e.blob is not null and e.removed_in is null`;
  return new Set(rows.map(({ bucket_id, name }) => pathInUrl(bucket_id, name)));
}

/** The end of an object's URL path. */
export function pathInUrl(bucket: string, name: string): string {
  return [bucket, ...name.split("/")].map(encodeURIComponent).join("/");
}
