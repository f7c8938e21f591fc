import assert from "node:assert/strict";
import type { Snapshot } from "../../stack/repository_reader.ts";
import type { FaultsProject } from "../world/project.ts";

/** Holds a project's catalog to the repository: the same snapshots, each with the same entries. */
export async function assertCatalog(
  project: Pick<FaultsProject, "sql">,
  snapshots: readonly Snapshot[],
): Promise<void> {
  const { sql } = project;
  const known = await sql<{ id: string }[]>`select id from holdfast.snapshots order by sequence`;
  assert.deepEqual(known.map(({ id }) => id), snapshots.map(({ document }) => document.id));
  for (const snapshot of snapshots) await assertListed(project, snapshot);
}

/** Holds what a project's catalog has at the sequence of one snapshot to what that lists. */
export async function assertListed(
  { sql }: Pick<FaultsProject, "sql">,
  { document, entries }: Snapshot,
): Promise<void> {
  const rows = await sql`
    select e.bucket_id || '/' || e.name as place, e.version, e.key, e.size::int as size,
      encode(e.sha256, 'hex') as sha256, e.object_id as id
    from holdfast.known_entries e
    where e.repository = (select s.repository from holdfast.snapshots s where s.id = ${document.id})
      and e.added_in <= ${document.sequence}
      and (e.removed_in is null or e.removed_in > ${document.sequence})
    order by (e.bucket_id || '/' || e.name) collate "C"`;
  const listed = [...entries].map(([place, { version, key, size, sha256, id }]) => ({
    place,
    version,
    key: key ?? null,
    size: size ?? null,
    sha256: sha256 ?? null,
    id,
  }));
  assert.deepEqual(rows.map((row) => ({ ...row })), listed.sort(byPlace), document.id);
}

const byPlace = (one: { place: string }, other: { place: string }) =>
  one.place < other.place ? -1 : 1;
