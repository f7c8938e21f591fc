import assert from "node:assert/strict";
import type { Snapshot } from "../../../stack/repository_reader.ts";
import type { SimulatedProject } from "../environment/project.ts";

/**
 * Compares a project's catalog with the repository: the same snapshots, each with the same entries.
 */
export async function assertCatalog(
  project: Pick<SimulatedProject, "sql">,
  snapshots: readonly Snapshot[],
): Promise<void> {
  const { sql } = project;
  const known = await sql<
    { id: string }[]
  >`select id from holdfast_private.snapshots order by sequence`;
  assert.deepEqual(known.map(({ id }) => id), snapshots.map(({ document }) => document.id));
  for (const snapshot of snapshots) await assertListed(project, snapshot);
}

/** Compares the catalog's entries at the sequence of one snapshot with what the snapshot lists. */
export async function assertListed(
  { sql }: Pick<SimulatedProject, "sql">,
  { document, entries }: Snapshot,
): Promise<void> {
  const rows = await sql`
    select e.bucket_id || '/' || e.name as path, e.version, e.key, e.size::int as size,
      encode(e.sha256, 'hex') as sha256, e.object_id as id
    from holdfast_private.known_entries e
    where e.repository = (select s.repository from holdfast_private.snapshots s where s.id = ${document.id})
      and e.added_in <= ${document.sequence}
      and (e.removed_in is null or e.removed_in > ${document.sequence})
    order by (e.bucket_id || '/' || e.name) collate "C"`;
  const listed = [...entries].map(([objectPath, { version, key, size, sha256, id }]) => ({
    path: objectPath,
    version,
    key: key ?? null,
    size: size ?? null,
    sha256: sha256 ?? null,
    id,
  }));
  assert.deepEqual(rows.map((row) => ({ ...row })), listed.sort(byPath), document.id);
}

const byPath = (one: { path: string }, other: { path: string }) => one.path < other.path ? -1 : 1;
